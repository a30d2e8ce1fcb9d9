"""Port: the weather of running attempts: step progress, log lines, previews. Never history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from kinolog.job.values import Sealed, Stage


class LogLevel(StrEnum):
    """How severe a log line is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How an attempt gets on; `percent` is of the whole job, 0 to 100."""

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
    """What a log line says in words of the prompt, sealed under the key of that id."""

    key_id: str
    text: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line about a job. `message` never holds words of the prompt; those are in the note, which belongs behind it.

    `sequence` is set by the feed when it is read back.
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
    """A small picture of the work so far."""

    job_id: str
    attempt: int
    at: datetime
    scene: int
    step: int
    media_type: str
    image: bytes


ProgressUpdate: TypeAlias = Progress | LogLine | PreviewImage


class ProgressFeed(Protocol):
    """Carries weather from workers to whoever watches. May lose the oldest; never blocks the work.

    The methods that read or erase raise `LogUnavailable` when the feed does not answer. Every adapter passes
    tests/contract/test_progress.py.
    """

    async def publish(self, weather: ProgressUpdate) -> None:
        """Send one message; does not wait until it is stored, and drops it when nobody can be reached."""
        ...

    def follow(self, job_id: str | None = None) -> AsyncIterator[ProgressUpdate]:
        """What is published from now on, of one job or all."""
        ...

    async def recent(self, job_id: str) -> Sequence[ProgressUpdate]:
        """What the feed still holds of one job, oldest first."""
        ...

    async def last_progress(self, job_id: str, attempt: int) -> Progress | None:
        """The newest progress of an attempt, if the feed still holds one."""
        ...

    async def erase(self, job_id: str) -> None:
        """Forget everything about a job."""
        ...
