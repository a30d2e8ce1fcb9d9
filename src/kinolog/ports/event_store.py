"""Port: the log of commits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kinolog.job.commit import Commit, RecordedCommit
from kinolog.job.state import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedJob:
    """The current state of a job, and the tail of its history that the next commit must build on."""

    job: Job
    position: int
    digest: bytes
    command_id: str


@dataclass(frozen=True, slots=True)
class Appended:
    """Position and hash of an appended commit."""

    position: int
    digest: bytes


class AppendConflict(Exception):
    """Another commit was appended to the job first. Load the job and decide again."""


class LogUnavailable(Exception):
    """The log did not answer. Whether a commit was stored is unknown until it does."""


RESTORE = "Stop kinolog and run: kinolog restore"
"""What to do about a damaged log. docs/running.md has the details."""


class DamagedLog(Exception):
    """The log contradicts itself or the archive. Stop and restore it."""


class EventStore(Protocol):
    """The log of commits: append-only, one total order, optimistic concurrency per job.

    Positions start at 1 and are contiguous. Every adapter passes tests/contract/test_event_store.py.
    """

    async def load(self, job_id: str) -> LoadedJob | None:
        """Return the current state of a job; None if the log has no such job. Raises `LogUnavailable`, `DamagedLog`."""
        ...

    async def append(self, commit: Commit) -> Appended:
        """Store a commit after `commit.previous_position`.

        Storing the same commit again (same job, same command id) returns its position. Raises `AppendConflict` if
        another commit follows that position, `LogUnavailable` without an answer, `DamagedLog` if the history of the
        job ends before it.
        """
        ...

    async def append_first(self, commits: Sequence[Commit]) -> list[Appended | AppendConflict]:
        """Store the first commits of many jobs in batches. Return a result for each. Raises `LogUnavailable`."""
        ...

    def history(self, job_id: str) -> AsyncIterator[RecordedCommit]:
        """Yield the commits of one job, oldest first. Raises `LogUnavailable`, `DamagedLog`."""
        ...

    def read(self, after: int, until: int | None = None) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        """Yield the commits after `after` in batches, up to `until` or the position that is last now.

        Raises `DamagedLog` if the log ends before `after` or has a gap, `LogUnavailable`.
        """
        ...

    def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        """Yield the commits after `after` in batches, without end and across reconnects. Raises `DamagedLog`.

        Close it (`aclosing`) to stop following.
        """
        ...

    async def last_position(self) -> int:
        """Return the position of the last commit; 0 if there is none. Raises `LogUnavailable`."""
        ...
