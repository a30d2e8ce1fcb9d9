"""What can happen to a job. These names are storage: add and upcast, never rename."""

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
class Submitted:
    """The job was submitted. `body_hash` tells a repeated request from another one.

    `key_id` names the key that seals its texts; empty: the job's own id is the key's.
    """

    at: datetime
    spec: Spec
    tenant: str
    actor: str
    request_id: str
    body_hash: bytes
    priority: Priority
    max_attempts: int
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The job joined the queue for `attempt`; it does not start before `not_before`."""

    at: datetime
    attempt: int
    priority: Priority
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryboardPlanned:
    """The prompt was split into scenes."""

    at: datetime
    scenes: tuple[Scene, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchRequested:
    """Somebody asked to warm up for the job."""

    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchFinished:
    """What the job needs is warm on a worker."""

    at: datetime
    worker: str
    assets: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A worker took the job. The position of this event in the log is its lease."""

    at: datetime
    attempt: int
    worker: str
    runtime: Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted:
    """A stage began."""

    at: datetime
    attempt: int
    stage: Stage
    scene: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFinished:
    """A stage ended after `seconds`."""

    at: datetime
    attempt: int
    stage: Stage
    seconds: float
    scene: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRendered:
    """A scene was rendered and stored; a later attempt reuses it."""

    at: datetime
    attempt: int
    scene: int
    artifact: Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """An attempt failed."""

    at: datetime
    attempt: int
    error: JobError


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """Somebody asked to cancel the job."""

    at: datetime
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The job was cancelled; `attempt` is the one that was stopped, 0 when none ran."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprioritized:
    """The job got another priority."""

    at: datetime
    priority: Priority
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The video is stored."""

    at: datetime
    attempt: int
    artifacts: tuple[Artifact, ...]
    media: MediaFacts
    gpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The job failed for good."""

    at: datetime
    attempt: int
    error: JobError


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """Somebody asked to try the job again."""

    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """Prompts and files of the job were erased."""

    at: datetime
    actor: str


Event: TypeAlias = (
    Submitted
    | Queued
    | StoryboardPlanned
    | PrefetchRequested
    | PrefetchFinished
    | AttemptStarted
    | StageStarted
    | StageFinished
    | SceneRendered
    | AttemptFailed
    | CancelRequested
    | Cancelled
    | Reprioritized
    | Completed
    | Failed
    | Retried
    | Erased
)

TERMINAL = (Completed, Failed, Cancelled)
