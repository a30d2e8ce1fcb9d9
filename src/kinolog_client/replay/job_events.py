"""Events of jobs as the log records them, without sealed texts. Names and fields only grow.

Every field has a default: a log of an earlier version lacks some. `texts` has the texts of users that an event sealed,
such as `prompt`, if they were asked for and the caller may read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar

from kinolog_client.replay.recorded_values import RecordedError, RecordedFile, RecordedMedia, RecordedSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """What happened to a job, and when. `type` is its name in the log."""

    type: ClassVar[str] = ""
    at: datetime
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownJobEvent(JobEvent):
    """An event of a later version of kinolog. `name` is its type, `data` its fields."""

    name: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedEvent(JobEvent):
    """The job was submitted. `reproduces` and `variant_of` are ids of other jobs, empty for none."""

    type = "submitted"
    spec: RecordedSpec = field(default_factory=RecordedSpec)
    tenant: str = ""
    actor: str = ""
    request_id: str = ""
    body_hash: str = ""
    priority: str = "medium"
    max_attempts: int = 0
    key_id: str = ""
    reproduces: str = ""
    variant_of: str = ""
    variant: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedEvent(JobEvent):
    """The job was queued for an attempt. It does not start before `not_before`, and fails if not by `start_before`."""

    type = "queued"
    attempt: int = 0
    priority: str = "medium"
    not_before: datetime | None = None
    start_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryboardPlannedEvent(JobEvent):
    """The prompt was split into scenes. Each is a mapping: `index`, `start_seconds`, `duration_seconds`, `frames` …"""

    type = "storyboard_planned"
    scenes: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchRequestedEvent(JobEvent):
    """A client requested a prefetch."""

    type = "prefetch_requested"
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchFinishedEvent(JobEvent):
    """A worker has loaded what the job needs."""

    type = "prefetch_finished"
    worker: str = ""
    assets: tuple[str, ...] = ()
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRecordedEvent(JobEvent):
    """The worker of an attempt told what it runs on: the model is loaded, or placed in another way."""

    type = "runtime_recorded"
    attempt: int = 0
    hardware: str = ""
    model_revision: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    dtype: str = ""
    scheduler: str = ""
    placement: str = ""
    placement_reason: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    upscaler: Mapping[str, Any] = field(default_factory=dict)
    loras: tuple[Mapping[str, Any], ...] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStartedEvent(JobEvent):
    """A worker started an attempt. What it runs on is empty until it is known: see `RuntimeRecordedEvent`."""

    type = "attempt_started"
    attempt: int = 0
    worker: str = ""
    hardware: str = ""
    model_revision: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    dtype: str = ""
    scheduler: str = ""
    placement: str = ""
    placement_reason: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    upscaler: Mapping[str, Any] = field(default_factory=dict)
    loras: tuple[Mapping[str, Any], ...] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)
    worker_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStartedEvent(JobEvent):
    """A stage started. `scene` counts from 0, and is None for a stage of the whole job."""

    type = "stage_started"
    attempt: int = 0
    stage: str = ""
    scene: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFinishedEvent(JobEvent):
    """A stage finished after `seconds`."""

    type = "stage_finished"
    attempt: int = 0
    stage: str = ""
    scene: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRenderedEvent(JobEvent):
    """A scene was rendered and stored."""

    type = "scene_rendered"
    attempt: int = 0
    scene: int = 0
    artifact: RecordedFile = field(default_factory=RecordedFile)
    thumbnail: RecordedFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointStoredEvent(JobEvent):
    """The state of a scene after `step` steps was stored: a later attempt goes on from it."""

    type = "checkpoint_stored"
    attempt: int = 0
    scene: int = 0
    step: int = 0
    key: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailedEvent(JobEvent):
    """An attempt failed, when `percent` of the job was reached."""

    type = "attempt_failed"
    attempt: int = 0
    error: RecordedError = field(default_factory=RecordedError)
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequestedEvent(JobEvent):
    """A client requested to cancel the job. Earlier versions stored the reason in plain, as `reason`."""

    type = "cancel_requested"
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledEvent(JobEvent):
    """The job was cancelled. `attempt` is the attempt that was stopped, 0 for a queued job."""

    type = "cancelled"
    attempt: int = 0
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReprioritizedEvent(JobEvent):
    """The priority of the job changed."""

    type = "reprioritized"
    priority: str = "medium"
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedEvent(JobEvent):
    """A client paused the job."""

    type = "paused"
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumedEvent(JobEvent):
    """A client ended the pause."""

    type = "resumed"
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedEvent(JobEvent):
    """The video is stored."""

    type = "completed"
    attempt: int = 0
    artifacts: tuple[RecordedFile, ...] = ()
    media: RecordedMedia = field(default_factory=RecordedMedia)
    gpu_seconds: float = 0.0
    reproduction: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEvent(JobEvent):
    """The job failed for good."""

    type = "failed"
    attempt: int = 0
    error: RecordedError = field(default_factory=RecordedError)
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetriedEvent(JobEvent):
    """A client requested another try."""

    type = "retried"
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedEvent(JobEvent):
    """The erasure of prompts and files was ordered. `erasure_id` names the erasure of many jobs that it is part of."""

    type = "erased"
    actor: str = ""
    erasure_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureFinishedEvent(JobEvent):
    """Key and files of the erased job were deleted: `files` of them, with the hashes that are known."""

    type = "erasure_finished"
    files: int = 0
    sha256: tuple[str, ...] = ()


EVENT_TYPES: Mapping[str, type[JobEvent]] = MappingProxyType(
    {
        kind.type: kind
        for kind in (
            SubmittedEvent,
            QueuedEvent,
            StoryboardPlannedEvent,
            PrefetchRequestedEvent,
            PrefetchFinishedEvent,
            AttemptStartedEvent,
            RuntimeRecordedEvent,
            StageStartedEvent,
            StageFinishedEvent,
            SceneRenderedEvent,
            CheckpointStoredEvent,
            AttemptFailedEvent,
            CancelRequestedEvent,
            CancelledEvent,
            ReprioritizedEvent,
            PausedEvent,
            ResumedEvent,
            CompletedEvent,
            FailedEvent,
            RetriedEvent,
            ErasedEvent,
            ErasureFinishedEvent,
        )
    }
)
"""The classes of events by their name in the log."""
