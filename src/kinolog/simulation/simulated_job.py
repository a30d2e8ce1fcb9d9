"""A recorded job on the simulated clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from kinolog.job.values import Priority
from kinolog.simulation.job_record import JobStay, JobTimes
from kinolog.simulation.planned_work import WorkPart


class SimulatedPlace(Enum):
    """Where a job is."""

    AWAY = auto()
    """Not submitted, or its time to start has not come."""
    QUEUED = auto()
    DRAWN = auto()
    """On a worker, before it has left the device."""
    FINISHED = auto()
    """On a worker, after it has left the device."""
    ENDED = auto()


@dataclass(slots=True, eq=False, kw_only=True)
class SimulatedJob:
    """A job, and what of its work is done. `left_seconds` of the device are left of its part, without a model's load.

    On a worker it uses the device from `begins` to `leaves`. `turn` counts its plans, so that an outdated one is known.
    """

    record: JobStay
    parts: tuple[WorkPart, ...]
    key: str
    priority: Priority
    ready_at: float
    left_seconds: float
    place: SimulatedPlace = SimulatedPlace.AWAY
    begins: float = 0.0
    leaves: float = 0.0
    turn: int = 0
    part: int = 0
    is_paused: bool = False
    goes_first: bool = False
    preemptions: int = 0
    started: float | None = None
    started_priority: Priority | None = None
    ended: float | None = None
    device_seconds: float = 0.0

    @property
    def is_later_attempt(self) -> bool:
        """Whether it had an attempt already."""
        return self.started is not None

    @property
    def work(self) -> WorkPart:
        """The part that is being done, or is next."""
        return self.parts[self.part]

    def times(self) -> JobTimes:
        """Return when it waited, started and ended."""
        return JobTimes(
            tenant=self.record.tenant,
            priority=self.started_priority or self.priority,
            model=self.record.model,
            waits_from=self.record.waits_from,
            started=self.started,
            ended=self.ended,
            device_seconds=self.device_seconds,
        )
