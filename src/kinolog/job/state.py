"""The state of a job: the fold of its events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.interruption import INTERRUPTED, PREEMPTED
from kinolog.job.reproduction import Reproduction
from kinolog.job.values import (
    Artifact,
    Attempt,
    JobError,
    MediaFacts,
    Priority,
    Scene,
    Spec,
    StageState,
    Status,
)

FOLD_VERSION = 2
"""Version of `evolve`. A stored state of another version is not used: its events are folded again."""

REMEMBERED_COMMANDS = 16
"""Number of past command ids that a job stores to recognise repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFields:
    """The fields of a job that lists show unchanged. `version` is the number of its events.

    `not_before` is when the next attempt may start. `start_after` and `start_before` are what the submit says of the
    first one; they stay when it has started. `reproduces` is the id of the completed job that it renders again, empty
    for none. `paused_at` is None for a job that is not paused. The attempt of a paused job ends at its next step.

    `variant_of` is the id of the first job of the request whose variants it and others are: its own for the first,
    empty for a single job. `variant` is its number among them, from 1.

    The read model has a column for each of them, and the message for clients a field of the same name.
    """

    id: str
    tenant: str
    actor: str
    request_id: str
    status: Status
    priority: Priority
    created_at: datetime
    updated_at: datetime
    attempt: int = 0
    artifacts: tuple[Artifact, ...] = ()
    media: MediaFacts | None = None
    error: JobError | None = None
    cancel_requested: bool = False
    erased: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    not_before: datetime | None = None
    start_after: datetime | None = None
    start_before: datetime | None = None
    gpu_seconds: float = 0.0
    version: int = 0
    reproduces: str = ""
    paused_at: datetime | None = None
    variant_of: str = ""
    variant: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(ListedFields):
    """A job after its last event."""

    body_hash: bytes
    spec: Spec
    max_attempts: int
    last_attempt: int
    scenes: tuple[Scene, ...] = ()
    stages: tuple[StageState, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    prefetch_requested: bool = False
    checkpoint: StoredCheckpoint | None = None
    """The checkpoint that the next attempt goes on from."""
    erasure_finished: bool = False
    """Whether the key, the files and the progress of the erased job were deleted."""
    applied_commands: tuple[str, ...] = ()
    key_id: str = ""
    worker_key: bytes = b""
    """Public key of the worker of the current or last attempt. Empty in old logs."""
    reproduction: Reproduction | None = None
    """How its video compares with that of the job that it reproduces."""

    @property
    def sealing_key_id(self) -> str:
        """Id of the key that seals the job's texts. A job of an old log has no `key_id`: its id is that of the key."""
        return self.key_id or self.id

    @property
    def worker(self) -> str:
        """Worker of the current or last attempt; empty before the first."""
        return self.attempts[-1].worker if self.attempts else ""

    @property
    def was_interrupted(self) -> bool:
        """Whether its last attempt ended before it was drawn, for a reason that lets it go on at once."""
        error = self.attempts[-1].error if self.attempts else None
        return error is not None and error.code in INTERRUPTED

    @property
    def preemptions(self) -> int:
        """How many of its attempts gave their device to a critical job."""
        return sum(attempt.error is not None and attempt.error.code == PREEMPTED for attempt in self.attempts)

    @property
    def waits_from(self) -> datetime:
        """When its first attempt could have started: after its submit, and not before `start_after`."""
        return self.created_at if self.start_after is None else max(self.created_at, self.start_after)

    def missed_start(self, at: datetime) -> bool:
        """Return whether it should have started before `at` and has not."""
        waits = self.status is Status.QUEUED and self.attempt == 0
        return waits and self.start_before is not None and at >= self.start_before

    @property
    def last_percent(self) -> float:
        """How far the job was when it ended, 0 to 100: at the end of its last attempt. 0 before."""
        if self.status is Status.COMPLETED:
            return 100.0
        return self.attempts[-1].percent if self.attempts and self.status.terminal else 0.0

    @property
    def run_seconds(self) -> float | None:
        """Sum of the durations of its attempts. None until it has ended, and if it never started."""
        if self.finished_at is None or not self.attempts:
            return None
        nothing = timedelta()
        runs = ((attempt.ended_at or self.finished_at) - attempt.started_at for attempt in self.attempts)
        return sum((max(nothing, run) for run in runs), nothing).total_seconds()

    @property
    def scene_count(self) -> int:
        """Number of scenes."""
        return len(self.scenes)

    @property
    def scene(self) -> int | None:
        """The scene that is being rendered, from 0. None if the running stage works on no scene."""
        if self.status is not Status.PROCESSING:
            return None
        return next((stage.scene for stage in reversed(self.stages) if stage.seconds is None), None)

    @property
    def pending_scenes(self) -> tuple[Scene, ...]:
        """Scenes that no attempt has rendered yet."""
        return tuple(scene for scene in self.scenes if scene.artifact is None)
