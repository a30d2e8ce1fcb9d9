"""Commits of the log as typed objects, and the interface of a projection of your own: `kinolog replay --with FILE`.

    from kinolog_client.replay import CompletedEvent, Projection, ReplayedCommit

    class Seconds(Projection):
        total = 0.0

        def apply(self, commit: ReplayedCommit) -> None:
            for event in commit.events:
                if isinstance(event, CompletedEvent):
                    self.total += event.gpu_seconds

        def result(self):
            return f"{self.total:.1f} s"

docs/replay.md describes it.
"""

from __future__ import annotations

from kinolog_client.replay.job_events import (
    AttemptFailedEvent,
    AttemptStartedEvent,
    CancelledEvent,
    CancelRequestedEvent,
    CheckpointStoredEvent,
    CompletedEvent,
    ErasedEvent,
    ErasureFinishedEvent,
    FailedEvent,
    JobEvent,
    PausedEvent,
    PrefetchFinishedEvent,
    PrefetchRequestedEvent,
    QueuedEvent,
    ReprioritizedEvent,
    ResumedEvent,
    RetriedEvent,
    RuntimeRecordedEvent,
    SceneRenderedEvent,
    StageFinishedEvent,
    StageStartedEvent,
    StoryboardPlannedEvent,
    SubmittedEvent,
    UnknownJobEvent,
)
from kinolog_client.replay.projection import JsonValue, Projection
from kinolog_client.replay.recorded_values import RecordedError, RecordedFile, RecordedMedia, RecordedSpec
from kinolog_client.replay.replayed_commit import ReplayedCommit

__all__ = [
    "AttemptFailedEvent",
    "AttemptStartedEvent",
    "CancelRequestedEvent",
    "CancelledEvent",
    "CheckpointStoredEvent",
    "CompletedEvent",
    "ErasedEvent",
    "ErasureFinishedEvent",
    "FailedEvent",
    "JobEvent",
    "JsonValue",
    "PausedEvent",
    "PrefetchFinishedEvent",
    "PrefetchRequestedEvent",
    "Projection",
    "QueuedEvent",
    "RecordedError",
    "RecordedFile",
    "RecordedMedia",
    "RecordedSpec",
    "ReplayedCommit",
    "ReprioritizedEvent",
    "ResumedEvent",
    "RetriedEvent",
    "RuntimeRecordedEvent",
    "SceneRenderedEvent",
    "StageFinishedEvent",
    "StageStartedEvent",
    "StoryboardPlannedEvent",
    "SubmittedEvent",
    "UnknownJobEvent",
]
