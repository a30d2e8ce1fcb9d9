"""Port: the copy of every commit in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedCommit:
    """A commit in the archive: the raw message, and the SHA-256 in it."""

    position: int
    job_id: str
    raw: bytes
    digest: bytes


class Archive(Protocol):
    """Reads the archive by jobs. Every method raises `ReadModelUnavailable` if the database is unreachable."""

    async def archived_commits(self, job_id: str) -> Sequence[ArchivedCommit]:
        """Return the commits of a job in the archive, oldest first."""
        ...

    async def archived_tails(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Return the position of the last archived commit of each of these jobs that the archive knows.

        One statement, without a snapshot: submits ask for it.
        """
        ...
