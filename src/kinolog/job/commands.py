"""What can be asked of a job. Commands are not stored; the events they lead to are.

`id` makes a command idempotent: the same id has one effect, however often it arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from kinolog.job.values import (
    Artifact,
    JobError,
    MediaFacts,
    Priority,
    Runtime,
    Scene,
    Spec,
    Stage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Make the job and put it into the queue, its scenes already planned.

    `key_id` names the key that seals its texts; empty: the job's own id is the key's.
    """

    id: str
    actor: str
    tenant: str
    request_id: str
    body_hash: bytes
    spec: Spec
    priority: Priority
    max_attempts: int
    scenes: tuple[Scene, ...]
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel: at once when the job waits, at the next step when it runs."""

    id: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Put a failed or cancelled job into the queue again."""

    id: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprioritize:
    """Give the job another priority."""

    id: str
    actor: str
    priority: Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefetch:
    """Warm up what a queued job needs."""

    id: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """Erase the prompts and files of a job that has ended."""

    id: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishPrefetch:
    """A worker says that what the job needs is warm."""

    id: str
    actor: str
    assets: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt:
    """A worker that holds the job's ticket takes it, from another one too whose lease has lapsed."""

    id: str
    actor: str
    runtime: Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStage:
    """A worker says that a stage began."""

    id: str
    actor: str
    attempt: int
    stage: Stage
    scene: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishStage:
    """A worker says that a stage ended."""

    id: str
    actor: str
    attempt: int
    stage: Stage
    seconds: float
    scene: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMark:
    """A stage began at `at`, or, with `seconds`, ended then after that time."""

    stage: Stage
    scene: int | None
    at: datetime
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStages:
    """A worker says which stages began and ended since it last said so, oldest first: one commit for all of them."""

    id: str
    actor: str
    attempt: int
    marks: tuple[StageMark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordScene:
    """A worker says that a scene is rendered and stored."""

    id: str
    actor: str
    attempt: int
    scene: int
    artifact: Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """A worker says that the video is stored."""

    id: str
    actor: str
    attempt: int
    artifacts: tuple[Artifact, ...]
    media: MediaFacts
    gpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailAttempt:
    """A worker says that its attempt failed; `retry_at` is when another may start."""

    id: str
    actor: str
    attempt: int
    error: JobError
    retry_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmCancel:
    """A worker says that it has stopped."""

    id: str
    actor: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The service gives a job up that no worker can take, such as one whose ticket is poison."""

    id: str
    actor: str
    error: JobError


Command: TypeAlias = (
    Submit
    | Cancel
    | Retry
    | Reprioritize
    | Prefetch
    | Erase
    | FinishPrefetch
    | StartAttempt
    | StartStage
    | FinishStage
    | RecordStages
    | RecordScene
    | Complete
    | FailAttempt
    | ConfirmCancel
    | GiveUp
)
