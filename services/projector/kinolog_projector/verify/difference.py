"""What a comparison of everything finds, part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first difference of a part. `position` is 0 if it is that of no commit, `job_id` empty if of no job."""

    position: int = 0
    job_id: str = ""
    text: str

    def __str__(self) -> str:
        at = f"position {self.position}" if self.position else ""
        job = f"job {self.job_id}" if self.job_id else ""
        where = ", ".join(filter(None, (at, job)))
        return f"{where}: {self.text}" if where else self.text


class DifferenceFound(Exception):
    """A part of what is stored does not match the rest."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference))
        self.difference = difference


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPart:
    """A part that was compared: how many of what, and the first difference."""

    name: str
    count: int
    unit: str
    difference: Difference | None = None


Advance: TypeAlias = Callable[[int], object]
"""Called with the number of commits, jobs or files that were compared since it was called last."""
