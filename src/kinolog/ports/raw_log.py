"""Port: the stored bytes of the log, also of a log that is damaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogExtent:
    """What the log states about itself: its first and last position, and how many commits it holds."""

    first: int
    last: int
    commits: int

    @property
    def is_whole(self) -> bool:
        """Whether the log begins at position 1 and counts a commit for every position."""
        return self.commits == self.last and (self.first == 1 or self.last == 0)


@dataclass(frozen=True, slots=True)
class RawCommit:
    """A stored message: its position, the job that it is stored under, and its bytes."""

    position: int
    job_id: str
    raw: bytes


class RawLog(Protocol):
    """Reads the log without interpreting it: a position that is lost is missing in the answer, it is no error.

    Every adapter passes tests/contract/test_raw_log.py.
    """

    async def extent(self) -> LogExtent:
        """Return what the log states about itself. Raises `LogUnavailable`."""
        ...

    async def stored(self, after: int, until: int) -> dict[int, RawCommit]:
        """Return the messages after `after` up to `until` that can be read, by position. Raises `LogUnavailable`."""
        ...
