"""Events of a job. Their names are storage: add and upcast, never rename."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.reproduction import Reproduction
from kinolog.job.values import (
    Artifact,
    JobError,
    MediaFacts,
    Priority,
    Runtime,
    Scene,
    Sealed,
    Spec,
    Stage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The job was submitted. `body_hash` distinguishes a repeated request from a different one.

    `key_id` is the id of the key that seals its texts. If it is empty, the id of the job is the id of the key.
    `reproduces` is the id of the completed job that it renders again, empty for none. `variant_of` is the id of the
    first job of a request for variants, empty for a single job; `variant` is the number of this one, from 1.
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
    reproduces: str = ""
    variant_of: str = ""
    variant: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The job joined the queue for `attempt`; it does not start before `not_before`.

    It fails if its first attempt has not started by `start_before`.
    """

    at: datetime
    attempt: int
    priority: Priority
    not_before: datetime | None = None
    start_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryboardPlanned:
    """The prompt was split into scenes."""

    at: datetime
    scenes: tuple[Scene, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchRequested:
    """A client requested a prefetch of what the job needs."""

    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchFinished:
    """A worker has loaded what the job needs; `size_bytes` is the size of the assets."""

    at: datetime
    worker: str
    assets: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A worker started an attempt. The position of this event in the log is its lease."""

    at: datetime
    attempt: int
    worker: str
    runtime: Runtime
    worker_key: bytes = b""
    """Public key of the worker, for which the key of the job is encrypted. Empty in old logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRecorded:
    """The worker of an attempt told what it runs on: the model is loaded, or placed in another way."""

    at: datetime
    attempt: int
    runtime: Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted:
    """A stage started."""

    at: datetime
    attempt: int
    stage: Stage
    scene: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFinished:
    """A stage finished after `seconds`."""

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
    thumbnail: Artifact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointStored:
    """A checkpoint of the scene that is being rendered was stored; it replaces the one before."""

    at: datetime
    checkpoint: StoredCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """An attempt failed. `percent` of the whole job was reached, 0 to 100; 0 if nobody knows."""

    at: datetime
    attempt: int
    error: JobError
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """A client requested to cancel the job. An earlier version stored the reason in the clear, as `reason`."""

    at: datetime
    actor: str
    reason: str = ""
    sealed_reason: Sealed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The job was cancelled at `percent`. `attempt` is the attempt that was stopped; 0 if the job was queued."""

    at: datetime
    attempt: int
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprioritized:
    """The priority of the job changed."""

    at: datetime
    priority: Priority
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """A client paused the job: no attempt starts, and a running one ends at its next step."""

    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A client ended the pause of the job."""

    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The video is stored. `reproduction` compares it with that of the job that it reproduces, if it does."""

    at: datetime
    attempt: int
    artifacts: tuple[Artifact, ...]
    media: MediaFacts
    gpu_seconds: float
    reproduction: Reproduction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The job failed for good, at `percent`."""

    at: datetime
    attempt: int
    error: JobError
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A client requested another try."""

    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """Prompts and files of the job were erased. `erasure_id` is shared by jobs that are erased together."""

    at: datetime
    actor: str
    erasure_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureFinished:
    """Key, files and progress of the erased job were deleted.

    `files` counts the files that were found and those that the history names; `sha256` has the known hashes of their
    contents, sorted.
    """

    at: datetime
    files: int
    sha256: tuple[str, ...]


Event: TypeAlias = (
    Submitted
    | Queued
    | StoryboardPlanned
    | PrefetchRequested
    | PrefetchFinished
    | AttemptStarted
    | RuntimeRecorded
    | StageStarted
    | StageFinished
    | SceneRendered
    | CheckpointStored
    | AttemptFailed
    | CancelRequested
    | Cancelled
    | Reprioritized
    | Paused
    | Resumed
    | Completed
    | Failed
    | Retried
    | Erased
    | ErasureFinished
)

TERMINAL = (Completed, Failed, Cancelled)
