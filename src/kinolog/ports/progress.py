"""Port: the progress of running attempts: steps, log lines, previews. Not part of the history."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from kinolog.job.values import Sealed, Stage


class LogLevel(StrEnum):
    """Severity of a log line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of an attempt. `percent` is of the whole job, 0 to 100."""

    job_id: str
    attempt: int
    at: datetime
    worker: str
    stage: Stage
    scene: int
    scenes: int
    step: int
    steps: int
    percent: float
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SealedNote:
    """The part of a log line that quotes the prompt, or a picture, sealed under the key `key_id`."""

    key_id: str
    text: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A log line of a job. `message` never quotes the prompt; `note` does, and is shown after the message.

    The feed sets `sequence` when the line is read.
    """

    job_id: str
    attempt: int
    at: datetime
    level: LogLevel
    message: str
    sequence: int = 0
    note: SealedNote | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewImage:
    """A small image of an unfinished scene. In the feed it is `sealed`, and `image` is empty."""

    job_id: str
    attempt: int
    at: datetime
    scene: int
    step: int
    media_type: str
    image: bytes = b""
    sealed: SealedNote | None = None


ProgressUpdate: TypeAlias = Progress | LogLine | PreviewImage


class ProgressFeed(Protocol):
    """Carries progress from workers to readers. It may lose the oldest updates and never blocks the worker.

    Reading and erasing raise `LogUnavailable` if the feed does not answer. Every adapter passes
    tests/contract/test_progress.py.
    """

    async def publish(self, update: ProgressUpdate) -> None:
        """Publish an update without waiting until it is stored. It is dropped while the feed is unreachable."""
        ...

    def follow(
        self, job_id: str | None = None, after: int | None = None
    ) -> AsyncGenerator[ProgressUpdate, None]:
        """Yield the updates after a position, of one job or all, without end. Close it (`aclosing`).

        Without a position they are those that are published once it is iterated and the feed has answered.
        """
        ...

    async def last_position(self) -> int:
        """Return the position of the newest update of any job; 0 before the first."""
        ...

    async def recent(self, job_id: str) -> Sequence[ProgressUpdate]:
        """Return the updates of a job that the feed still holds, oldest first."""
        ...

    async def last_progress(self, job_id: str, attempt: int) -> Progress | None:
        """Return the newest progress of an attempt; None if the feed holds none."""
        ...

    async def last_preview(self, job_id: str, attempt: int) -> PreviewImage | None:
        """Return the newest preview of an attempt, sealed; None if the feed holds none."""
        ...

    async def erase(self, job_id: str) -> None:
        """Delete all updates of a job."""
        ...
