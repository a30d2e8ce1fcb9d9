"""Port: how far the comparison of everything is that goes on, as the projector stores it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationProgress:
    """How far a comparison is, or how far the last one was."""

    verification_id: str
    commits: int
    all_commits: int
    jobs: int


class VerificationProgressReader(Protocol):
    """Reads it. Raises `ReadModelUnavailable` if the database is unreachable."""

    async def verification_progress(self) -> VerificationProgress | None:
        """Return how far the last comparison came that was begun; None if there was none."""
        ...
