"""What the log says of jobs and attempts that their waits and their work follow from. Times in seconds. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kinolog.job.interruption import INTERRUPTED
from kinolog.job.values import Priority, Stage

DEVICE_STAGES = frozenset({Stage.ENCODE_PROMPT, Stage.DENOISE, Stage.DECODE, Stage.POSTPROCESS})
"""Stages whose time depends on the speed of the device."""

LATE_STAGES = frozenset({Stage.DECODE, Stage.POSTPROCESS})
"""Stages of the device in which no job is preempted."""


@dataclass(slots=True, kw_only=True)
class AttemptRecord:
    """One attempt. `ended` is None if the record ends before it. `pause_seconds` pass before the next one."""

    worker: str
    started: float
    ended: float | None = None
    error: str = ""
    retried: bool = False
    pause_seconds: float = 0.0
    left_device: float | None = None
    """When its files began to be finished; None if it did not get so far."""
    stage_seconds: dict[str, float] = field(default_factory=dict)
    device_seconds: float = 0.0
    """How long it used the device, as `device_times` finds it."""
    was_warm: bool = False
    """Whether its worker had drawn with its model before."""

    @property
    def was_interrupted(self) -> bool:
        """Whether its job went on later where it was."""
        return self.error in INTERRUPTED

    def seconds_in(self, stages: frozenset[Stage]) -> float:
        """Return the sum of the seconds in stages."""
        return sum(seconds for stage, seconds in self.stage_seconds.items() if stage in stages)


@dataclass(slots=True, kw_only=True)
class JobStay:
    """One stay of a job in the queue and its attempts: from its submit, or a retry by a client, to its end.

    It waits from `waits_from` on. `changes` are new priorities with their times, `pauses` the times of pauses and their
    ends. `cancelled` is when a client cancelled it, None if no one did.
    """

    job_id: str
    number: int
    tenant: str
    model: str
    model_class: str
    priority: Priority
    cost: int
    submitted: float
    waits_from: float
    start_before: float | None = None
    changes: list[tuple[float, Priority]] = field(default_factory=list)
    pauses: list[tuple[float, float | None]] = field(default_factory=list)
    cancelled: float | None = None
    attempts: list[AttemptRecord] = field(default_factory=list)
    ended: float | None = None
    outcome: str = ""

    @property
    def started(self) -> float | None:
        """When its first attempt started; None if none did."""
        return self.attempts[0].started if self.attempts else None

    @property
    def device_seconds(self) -> float:
        """How long its attempts used a device."""
        return sum(attempt.device_seconds for attempt in self.attempts)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTimes:
    """When a job waited, started and ended; `started` and `ended` are None if it did not."""

    tenant: str
    priority: Priority
    model: str
    waits_from: float
    started: float | None
    ended: float | None
    device_seconds: float

    @property
    def wait_seconds(self) -> float | None:
        """How long it waited for its first attempt; None if none started."""
        return None if self.started is None else max(0.0, self.started - self.waits_from)


def recorded_times(jobs: Iterable[JobStay]) -> list[JobTimes]:
    """Return the times of jobs as they were. A job is counted under the priority that it had when it started."""
    return [
        JobTimes(
            tenant=job.tenant,
            priority=priority_at(job, job.started),
            model=job.model,
            waits_from=job.waits_from,
            started=job.started,
            ended=job.ended,
            device_seconds=job.device_seconds,
        )
        for job in jobs
    ]


def priority_at(job: JobStay, time: float | None) -> Priority:
    """Return the priority of a job at a time; None for the last one."""
    priority = job.priority
    for at, other in job.changes:
        if time is None or at <= time:
            priority = other
    return priority
