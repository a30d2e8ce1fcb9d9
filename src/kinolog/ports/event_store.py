"""Port: the log of commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kinolog.job.commit import Commit, Recorded
from kinolog.job.state import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedJob:
    """A job as it stands, and the tail of its history: what the next commit must build on."""

    job: Job
    position: int
    digest: bytes
    command_id: str


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a commit came to lie, and its hash."""

    position: int
    digest: bytes


class Conflict(Exception):
    """Somebody appended to the job first; load it again and decide anew."""


class LogUnavailable(Exception):
    """The log cannot be reached or did not answer; whether the commit was stored is unknown until it is back."""


class DamagedLog(Exception):
    """What the log holds contradicts itself or the archive; stop and restore."""


class EventStore(Protocol):
    """The log of commits: append-only, one total order, optimistic concurrency per job.

    Positions start at 1 and are contiguous. Every adapter passes tests/contract/test_event_store.py.
    """

    async def load(self, job_id: str) -> LoadedJob | None:
        """The job as it stands; None when nothing was ever stored under this id."""
        ...

    async def append(self, commit: Commit) -> Appended:
        """Store a commit behind `commit.previous_position`.

        Storing the same commit (same job, same command id) again answers where it lies already. Raises `Conflict`
        when another commit lies there, `LogUnavailable` when no answer came, `DamagedLog` when the job's history
        does not reach that position.
        """
        ...

    async def append_first(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        """Store the first commits of many jobs, as fast as the log can; an answer for each, in order."""
        ...

    def history(self, job_id: str) -> AsyncIterator[Recorded]:
        """The commits of one job, oldest first."""
        ...

    def read(self, after: int, until: int | None = None) -> AsyncIterator[Sequence[Recorded]]:
        """All commits behind `after`, up to `until` or the position that is last now, in batches, then end.

        Raises `DamagedLog` when the log ends before `after` or has a hole; so does `follow`.
        """
        ...

    def follow(self, after: int) -> AsyncIterator[Sequence[Recorded]]:
        """All commits behind `after`, in batches, waiting for more for ever; survives reconnects without a gap."""
        ...

    async def last_position(self) -> int:
        """Position of the last commit; 0 when there is none."""
        ...
