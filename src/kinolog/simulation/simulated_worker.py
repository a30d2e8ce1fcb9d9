"""A worker on the simulated clock: its device, and the jobs that it has. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from kinolog.job.values import Stage
from kinolog.scheduling.lane_choice import LaneChoice
from kinolog.scheduling.next_job import MOST_PLACES, TAKE_SECONDS
from kinolog.scheduling.preemption import DrawnJob
from kinolog.simulation.planned_work import drawn_seconds
from kinolog.simulation.recorded_fleet import WorkerRecord
from kinolog.simulation.simulated_job import SimulatedJob, SimulatedPlace


@dataclass(slots=True, eq=False, kw_only=True)
class SimulatedWorker:
    """A worker. `users` are the jobs that use the device or wait for it, `finishing` those that have left it."""

    record: WorkerRecord
    choice: LaneChoice
    is_present: bool
    waits: bool
    """Whether it waits for a ticket."""
    wants_room: bool = False
    """Whether it waits until one of its jobs has ended, to take the next one."""
    plan: int = 0
    """Counts changes of its line, so that an outdated plan for the next ticket is known."""
    free_at: float = -inf
    """When the device is free."""
    model: str = ""
    users: list[SimulatedJob] = field(default_factory=list)
    finishing: list[SimulatedJob] = field(default_factory=list)

    @property
    def has_room(self) -> bool:
        """Whether it may take another ticket."""
        return len(self.users) + len(self.finishing) < MOST_PLACES

    def draw(self, job: SimulatedJob, start: float, load_seconds: float, speed: float) -> None:
        """Start the attempt of a job, which uses the device as soon as it is free."""
        if job.left_seconds < 0:
            job.left_seconds = drawn_seconds(job.work, speed)
        if job.started is None:
            job.started, job.started_priority = start, job.priority
        job.place, job.goes_first = SimulatedPlace.DRAWN, False
        job.begins = max(start, self.free_at)
        job.leaves = job.begins + load_seconds + job.left_seconds
        job.turn += 1
        self.users.append(job)
        self.plan += 1
        self.free_at, self.model, self.waits = job.leaves, job.record.model, False

    def leave_device(self, job: SimulatedJob, now: float) -> None:
        """Note that a job has left the device, at its end or before."""
        self.users.remove(job)
        job.device_seconds += max(0.0, now - job.begins)
        job.turn += 1

    def stop(self, job: SimulatedJob, now: float) -> list[SimulatedJob]:
        """Stop a job that uses the device or waits for it. Return the jobs after it, which use the device sooner."""
        after = self.users[self.users.index(job) + 1 :]
        job.left_seconds = min(job.left_seconds, job.leaves - max(now, job.begins))
        self.leave_device(job, now)
        free = self.users[-1].leaves if self.users and not after else now
        for other in after:
            seconds = other.leaves - other.begins
            other.begins, other.turn = max(free, now), other.turn + 1
            free = other.leaves = other.begins + seconds
        self.free_at = free
        self.plan += 1
        return after

    def drawn_job(self, now: float) -> DrawnJob | None:
        """Return what a critical job would stop here; None if there is no single job, or it leaves the device soon."""
        if len(self.users) != 1 or self.users[0].leaves - now <= TAKE_SECONDS:
            return None
        job = self.users[0]
        is_late = job.leaves - now <= job.work.late_seconds
        return DrawnJob(
            priority=job.priority,
            stage=Stage.DECODE if is_late else Stage.DENOISE,
            preemptions=job.preemptions,
            left_seconds=job.leaves - now,
        )


def best_waiting(workers: list[SimulatedWorker], job: SimulatedJob, now: float) -> SimulatedWorker | None:
    """Return the worker that gets the ticket of a job: one whose device is free, and that has the model loaded."""
    able = [worker for worker in workers if worker.waits and worker.record.serves(job.record.model_class)]
    return min(
        able,
        key=lambda worker: (bool(worker.users), worker.model != job.record.model, worker.free_at),
        default=None,
    )
