"""Commands to a job. The log stores their names, ids and actors, and the events that they produce.

`id` makes a command idempotent: the same id has one effect, however often it arrives. `actor` is the client, worker or
service that sends the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.reproduction import ComparedOriginal
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
class CommandOrigin:
    """Where a command of a client came from: with which API key and program, and from which address.

    `api_key_id` is empty without a key that has an id, `client` if the caller named no program. The address is personal
    data, sealed under the key of the job; None if it is not known, as for commands of workers and services.
    """

    api_key_id: str = ""
    client: str = ""
    sealed_address: Sealed | None = None


NO_ORIGIN = CommandOrigin()
"""Of commands that no client sent, and of those that earlier versions stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Create the job and queue it. Its scenes are already planned.

    `key_id` is the id of the key that seals its texts. If it is empty, the id of the job is the id of the key. The job
    does not start before `start_after`. It may wait for `start_timeout_seconds` from then on, or from its submit; 0 is
    no limit. `reproduces` is the id of the completed job that it renders again, empty for none.

    `variant_of` is the id of the first job of a request for variants, empty for a single job; `variant` is the number
    of this one, from 1.
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
    start_after: datetime | None = None
    start_timeout_seconds: int = 0
    reproduces: str = ""
    variant_of: str = ""
    variant: int = 0
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel a queued job at once, a running one at its next step. The reason is sealed under the job's key."""

    id: str
    actor: str
    reason: Sealed | None = None
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Queue a failed or cancelled job again."""

    id: str
    actor: str
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprioritize:
    """Change the priority of the job."""

    id: str
    actor: str
    priority: Priority
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Let no attempt start, and end a running one at its next step, until the job is resumed."""

    id: str
    actor: str
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """End the pause of the job."""

    id: str
    actor: str
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefetch:
    """Request that a worker loads what a queued job needs."""

    id: str
    actor: str
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """Erase the prompts and files of an ended job, as part of an erasure of one or many jobs."""

    id: str
    actor: str
    erasure_id: str = ""
    origin: CommandOrigin = NO_ORIGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishErasure:
    """Record that key, files and progress of an erased job are deleted. See `ErasureFinished`."""

    id: str
    actor: str
    files: int
    sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishPrefetch:
    """A worker reports that it has loaded what the job needs; `size_bytes` is the size of the assets."""

    id: str
    actor: str
    assets: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt:
    """A worker that holds the job's ticket starts an attempt; a running attempt of another worker counts as lost.

    `waited` is true if the queue held the ticket for the whole pause before the attempt, whatever the clock says.
    `worker_key` is the public key of the worker, for which the key of the job is encrypted.
    """

    id: str
    actor: str
    runtime: Runtime
    worker_key: bytes = b""
    waited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMark:
    """A stage started at `at` or, with `seconds`, finished at `at` after that many seconds."""

    stage: Stage
    scene: int | None
    at: datetime
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStages:
    """A worker reports the stages that started and finished since its last report, oldest first, in one commit."""

    id: str
    actor: str
    attempt: int
    marks: tuple[StageMark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRuntime:
    """A worker reports what its attempt runs on, once the model is loaded, and when that changes."""

    id: str
    actor: str
    attempt: int
    runtime: Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordScene:
    """A worker reports that a scene is rendered and stored."""

    id: str
    actor: str
    attempt: int
    scene: int
    artifact: Artifact
    thumbnail: Artifact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCheckpoint:
    """A worker reports that a checkpoint of its attempt is stored."""

    id: str
    actor: str
    attempt: int
    checkpoint: StoredCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """A worker reports that the video is stored, and how it compares with the one that it reproduces."""

    id: str
    actor: str
    attempt: int
    artifacts: tuple[Artifact, ...]
    media: MediaFacts
    gpu_seconds: float
    compared: ComparedOriginal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailAttempt:
    """A worker reports that its attempt failed at `percent`; the next does not start before `retry_at`."""

    id: str
    actor: str
    attempt: int
    error: JobError
    retry_at: datetime
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmCancel:
    """A worker reports that it stopped a cancelled attempt at `percent`."""

    id: str
    actor: str
    attempt: int
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The service ends a job that no worker can finish, such as one whose ticket was delivered too often."""

    id: str
    actor: str
    error: JobError


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """The service ends a job that has not started by its deadline. A job that has started goes on."""

    id: str
    actor: str


ClientCommand: TypeAlias = Submit | Cancel | Retry | Reprioritize | Pause | Resume | Prefetch | Erase
"""Commands that clients send, with their origin."""

Command: TypeAlias = (
    Submit
    | Cancel
    | Retry
    | Reprioritize
    | Pause
    | Resume
    | Prefetch
    | Erase
    | FinishErasure
    | FinishPrefetch
    | StartAttempt
    | RecordRuntime
    | RecordStages
    | RecordScene
    | RecordCheckpoint
    | Complete
    | FailAttempt
    | ConfirmCancel
    | GiveUp
    | Expire
)
