"""A fleet and its queue on a simulated clock. Pure: the same record and settings give the same result."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from math import inf
from typing import Any

from kinolog.job.values import Priority
from kinolog.scheduling.next_job import START_SECONDS, TAKE_SECONDS
from kinolog.scheduling.preemption import PREEMPTING, PREEMPTIONS
from kinolog.simulation.job_record import JobStay, JobTimes
from kinolog.simulation.planned_work import WorkEstimates
from kinolog.simulation.queue_settings import QueueSettings
from kinolog.simulation.recorded_fleet import WorkerRecord
from kinolog.simulation.simulated_job import SimulatedJob, SimulatedPlace
from kinolog.simulation.simulated_lanes import SimulatedLanes
from kinolog.simulation.simulated_worker import SimulatedWorker, best_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedQueue:
    """What a simulation begins with.

    `turnaround_seconds` is from the free device to the next attempt, less than 0 if that starts before. A job was
    stopped for critical ones at most `preemptions` times.
    """

    jobs: Sequence[JobStay]
    workers: Sequence[WorkerRecord]
    turnaround_seconds: float = -START_SECONDS
    preemptions: int = PREEMPTIONS


def workers_of(recorded: RecordedQueue, settings: QueueSettings) -> list[WorkerRecord]:
    """Return the workers of a simulation: so many that render everything, or those of the record."""
    if settings.workers is None:
        return list(recorded.workers)
    return [WorkerRecord(name=f"worker-{number}") for number in range(1, settings.workers + 1)]


def simulate(recorded: RecordedQueue, settings: QueueSettings) -> list[JobTimes]:
    """Return when each job would have started and ended, in the order of the record."""
    return FleetSimulation(recorded, settings).run()


class FleetSimulation:
    """One simulation."""

    def __init__(self, recorded: RecordedQueue, settings: QueueSettings) -> None:
        self._settings = settings
        self._turnaround = recorded.turnaround_seconds
        self._most_preemptions = settings.most_preemptions(recorded.preemptions)
        self._estimates = WorkEstimates(recorded.jobs)
        fleet = workers_of(recorded, settings)
        self._lanes = SimulatedLanes(settings, len(fleet))
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = count()
        self._now = -inf
        self._jobs = [self._planned(job, number) for number, job in enumerate(recorded.jobs)]
        self._workers = [self._hired(record) for record in fleet]
        self._holders: dict[str, SimulatedWorker] = {}

    def run(self) -> list[JobTimes]:
        """Let the clock run until nothing happens any more."""
        while self._events:
            self._now, _, happen, arguments = heapq.heappop(self._events)
            happen(*arguments)
        return [job.times() for job in self._jobs]

    def _at(self, time: float, happen: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), happen, arguments))

    def _planned(self, record: JobStay, number: int) -> SimulatedJob:
        """Return a job, and plan what clients do to it."""
        job = SimulatedJob(
            record=record,
            parts=self._estimates.parts(record),
            key=f"{record.job_id}/{number}",
            priority=record.priority,
            ready_at=record.waits_from,
            left_seconds=-1.0,
        )
        for at, priority in record.changes:
            self._at(at, self._reprioritize, job, priority)
        for start, end in record.pauses:
            self._at(start, self._pause, job)
            if end is not None:
                self._at(end, self._resume, job)
        self._at(record.waits_from, self._arrive, job)
        if record.cancelled is not None:
            self._at(record.cancelled, self._end_early, job)
        if record.start_before is not None:
            self._at(record.start_before, self._miss_start, job)
        return job

    def _hired(self, record: WorkerRecord) -> SimulatedWorker:
        """Return a worker, and plan when it comes and goes."""
        is_here = any(since == -inf for since, _ in record.present)
        worker = SimulatedWorker(
            record=record, choice=self._lanes.choice(), is_present=is_here, waits=is_here
        )
        for since, until in record.present:
            if since > -inf:
                self._at(since, self._come, worker)
            if until < inf:
                self._at(until, self._go, worker)
        return worker

    def _come(self, worker: SimulatedWorker) -> None:
        worker.is_present = True
        self._make_room(worker)

    def _go(self, worker: SimulatedWorker) -> None:
        worker.is_present = worker.waits = False

    def _arrive(self, job: SimulatedJob) -> None:
        """Queue a job that may start now."""
        if job.place is not SimulatedPlace.AWAY or job.is_paused or job.ready_at > self._now:
            return
        job.place = SimulatedPlace.QUEUED
        self._lanes.add(job)
        self._offer(job)

    def _offer(self, job: SimulatedJob) -> None:
        """Let a worker that waits take a queued job, or one stop another job for it."""
        waiting = best_waiting(self._workers, job, self._now)
        if waiting is not None:
            self._take(waiting)
        elif job.priority is PREEMPTING and self._most_preemptions:
            self._preempt_for(job)

    def _preempt_for(self, job: SimulatedJob) -> None:
        """Stop the job that gives its device most easily, if any does, and draw a critical one there."""
        able = [
            (drawn.reluctance, number, worker)
            for number, worker in enumerate(self._workers)
            if worker.is_present and worker.record.serves(job.record.model_class)
            if (drawn := worker.drawn_job(self._now)) is not None
            if drawn.may_be_preempted(self._most_preemptions)
        ]
        if not able:
            return
        worker = min(able)[2]
        victim = worker.users[0]
        victim.preemptions += 1
        self._interrupt(worker, victim)
        taken = self._lanes.take_preempting(worker.record.classes, worker.choice, self._now)
        if taken is not None:
            self._start(worker, taken)
        victim.place = SimulatedPlace.QUEUED
        self._lanes.add(victim)
        self._offer(victim)  # a worker may wait that does not render the class of the critical job

    def _interrupt(self, worker: SimulatedWorker, job: SimulatedJob) -> None:
        """Stop a job, which goes on later where it was, as the next one of its lane."""
        for other in worker.stop(job, self._now):
            self._plan_end(worker, other)
        self._holders.pop(job.key)
        job.place, job.goes_first, job.ready_at = SimulatedPlace.AWAY, True, self._now

    def _make_room(self, worker: SimulatedWorker) -> None:
        """Let a worker take the next job, now or once it has room."""
        worker.wants_room = not worker.has_room
        if worker.has_room and worker.is_present:
            self._take(worker)

    def _take(self, worker: SimulatedWorker) -> None:
        job = self._lanes.take(worker.record.classes, worker.choice, self._now)
        worker.waits = job is None
        if job is not None:
            self._start(worker, job)

    def _start(self, worker: SimulatedWorker, job: SimulatedJob) -> None:
        is_warm = worker.model == job.record.model
        load = self._estimates.load_seconds(job.record.model, job.work, is_warm=is_warm)
        start = max(self._now, worker.free_at + self._turnaround)
        worker.draw(job, start, load, self._settings.speed)
        self._holders[job.key] = worker
        self._plan_end(worker, job)

    def _plan_end(self, worker: SimulatedWorker, job: SimulatedJob) -> None:
        """Plan when a job leaves the device, and when the worker takes the next ticket."""
        self._at(job.leaves, self._leave, worker, job, job.turn)
        if worker.users[-1] is job:
            ready = job.leaves + (self._turnaround if self._turnaround >= 0 else -TAKE_SECONDS)
            self._at(max(self._now, ready), self._take_next, worker, worker.plan)

    def _take_next(self, worker: SimulatedWorker, plan: int) -> None:
        """Take the next ticket, unless the line of the worker has changed."""
        if worker.plan == plan:
            self._make_room(worker)

    def _leave(self, worker: SimulatedWorker, job: SimulatedJob, turn: int) -> None:
        if job.turn != turn:
            return
        worker.leave_device(job, self._now)
        worker.finishing.append(job)
        job.place = SimulatedPlace.FINISHED
        self._at(self._now + job.work.finishing_seconds, self._finish, worker, job)

    def _finish(self, worker: SimulatedWorker, job: SimulatedJob) -> None:
        """End an attempt. If another one follows, its job is queued again after the pause."""
        worker.finishing.remove(job)
        self._holders.pop(job.key, None)
        pause_seconds = job.work.pause_seconds
        if job.part + 1 < len(job.parts):
            job.part, job.left_seconds = job.part + 1, -1.0
            job.place, job.ready_at = SimulatedPlace.AWAY, self._now + pause_seconds
            self._at(job.ready_at, self._arrive, job)
        else:
            self._note_end(job)
        if worker.wants_room:
            self._make_room(worker)

    def _note_end(self, job: SimulatedJob) -> None:
        job.place, job.ended = SimulatedPlace.ENDED, self._now

    def _end_early(self, job: SimulatedJob) -> None:
        """Cancel a job, unless it has left the device."""
        if job.place is SimulatedPlace.QUEUED:
            self._lanes.remove(job)
        elif job.place is SimulatedPlace.DRAWN:
            worker = self._holders[job.key]
            self._interrupt(worker, job)
            self._note_end(job)
            self._take_after_stop(worker)
        if job.place in (SimulatedPlace.AWAY, SimulatedPlace.QUEUED):
            self._note_end(job)

    def _take_after_stop(self, worker: SimulatedWorker) -> None:
        """Let a worker whose job was stopped take the next one, unless it has one."""
        if not worker.users and not worker.waits:
            self._make_room(worker)

    def _miss_start(self, job: SimulatedJob) -> None:
        if job.started is None:
            self._end_early(job)

    def _reprioritize(self, job: SimulatedJob, priority: Priority) -> None:
        if job.place is SimulatedPlace.QUEUED:
            self._lanes.remove(job)
            job.priority = priority
            self._lanes.add(job)
            self._offer(job)
        else:
            job.priority = priority

    def _pause(self, job: SimulatedJob) -> None:
        job.is_paused = True
        if job.place is SimulatedPlace.QUEUED:
            self._lanes.remove(job)
            job.place = SimulatedPlace.AWAY
        elif job.place is SimulatedPlace.DRAWN:
            worker = self._holders[job.key]
            self._interrupt(worker, job)
            self._take_after_stop(worker)

    def _resume(self, job: SimulatedJob) -> None:
        job.is_paused = False
        self._arrive(job)
