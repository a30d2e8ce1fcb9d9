"""The jobs of a log as a simulation needs them. It is a projection like those of users."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kinolog.job.cost import job_cost
from kinolog.job.interruption import PREEMPTED
from kinolog.job.values import Priority, Stage
from kinolog.scheduling.preemption import PREEMPTIONS
from kinolog.simulation.fleet_simulation import RecordedQueue
from kinolog.simulation.job_record import AttemptRecord, JobStay
from kinolog.simulation.planned_work import COMPLETED
from kinolog.simulation.recorded_fleet import device_times, recorded_workers, turnaround_seconds
from kinolog_client.replay import (
    AttemptFailedEvent,
    AttemptStartedEvent,
    CancelledEvent,
    CancelRequestedEvent,
    CompletedEvent,
    FailedEvent,
    JobEvent,
    PausedEvent,
    Projection,
    QueuedEvent,
    ReplayedCommit,
    ReprioritizedEvent,
    ResumedEvent,
    RetriedEvent,
    StageFinishedEvent,
    SubmittedEvent,
)


class RecordedJobs(Projection):
    """Collects each stay of a job in the queue, with its attempts."""

    events = (
        SubmittedEvent,
        QueuedEvent,
        AttemptStartedEvent,
        StageFinishedEvent,
        AttemptFailedEvent,
        CancelRequestedEvent,
        CancelledEvent,
        ReprioritizedEvent,
        PausedEvent,
        ResumedEvent,
        CompletedEvent,
        FailedEvent,
        RetriedEvent,
    )

    def __init__(self) -> None:
        self._jobs: list[JobStay] = []
        self._last: dict[str, JobStay] = {}
        """The last stay of each job that was submitted in the log that is read."""
        self.earlier_jobs: set[str] = set()
        """Jobs that were submitted before it."""

    def apply(self, commit: ReplayedCommit) -> None:
        """Take the next commit."""
        for event in commit.events:
            if isinstance(event, SubmittedEvent):
                self._submit(commit, event)
                continue
            job = self._last.get(commit.job_id)
            if job is None:
                self.earlier_jobs.add(commit.job_id)
                return
            self._apply(job, event)

    def result(self) -> list[dict[str, Any]]:
        """Return one row for each stay."""
        return [
            {"job": job.job_id, "waits_from": job.waits_from, "started": job.started} for job in self._jobs
        ]

    def queue(self) -> RecordedQueue:
        """Return what a simulation begins with. Raises ValueError if the log that was read has no submitted job, or no
        completed one, which says how long jobs take.
        """
        if not self._jobs:
            raise ValueError("no job was submitted")
        if not any(job.outcome == COMPLETED for job in self._jobs):
            raise ValueError("no job was submitted and completed, so nothing says how long jobs take,")
        device_times(self._jobs)
        return RecordedQueue(
            jobs=self._jobs,
            workers=recorded_workers(self._jobs),
            turnaround_seconds=turnaround_seconds(self._jobs),
            preemptions=PREEMPTIONS if self._has_preemptions() else 0,
        )

    def _has_preemptions(self) -> bool:
        """Return whether a job was stopped for another. Else that was switched off, or would have changed nothing."""
        return any(attempt.error == PREEMPTED for job in self._jobs for attempt in job.attempts)

    def _submit(self, commit: ReplayedCommit, event: SubmittedEvent) -> None:
        spec, at = event.spec, _seconds(event.at)
        job = JobStay(
            job_id=commit.job_id,
            number=commit.position,
            tenant=event.tenant,
            model=spec.model,
            model_class=spec.model_class,
            priority=_priority(event.priority),
            cost=job_cost(spec),
            submitted=at,
            waits_from=at,
        )
        self._jobs.append(job)
        self._last[commit.job_id] = job

    def _apply(self, job: JobStay, event: JobEvent) -> None:
        at = _seconds(event.at)
        match event:
            case QueuedEvent():
                self._queue(job, event, at)
            case AttemptStartedEvent():
                if job.attempts:
                    job.attempts[-1].retried = True
                job.attempts.append(AttemptRecord(worker=event.worker, started=at))
            case ReprioritizedEvent():
                job.changes.append((at, _priority(event.priority)))
            case PausedEvent():
                job.pauses.append((at, None))
            case ResumedEvent() if job.pauses:
                job.pauses[-1] = (job.pauses[-1][0], at)
            case CancelRequestedEvent():
                job.cancelled = at
            case RetriedEvent():
                self._retry(job, at)
            case CompletedEvent() | FailedEvent() | CancelledEvent():
                job.ended, job.outcome = at, event.type
                if job.attempts and job.attempts[-1].ended is None:
                    job.attempts[-1].ended = at
            case StageFinishedEvent() | AttemptFailedEvent() if job.attempts:
                _apply_to_attempt(job.attempts[-1], event, at)

    def _queue(self, job: JobStay, event: QueuedEvent, at: float) -> None:
        not_before = at if event.not_before is None else max(at, _seconds(event.not_before))
        if job.attempts:
            job.attempts[-1].retried = True
            job.attempts[-1].pause_seconds = not_before - at
        else:
            job.waits_from = not_before
            if event.start_before is not None:
                job.start_before = _seconds(event.start_before)

    def _retry(self, job: JobStay, at: float) -> None:
        """Begin another stay of a job that a client retries."""
        again = JobStay(
            job_id=job.job_id,
            number=job.number,
            tenant=job.tenant,
            model=job.model,
            model_class=job.model_class,
            priority=job.changes[-1][1] if job.changes else job.priority,
            cost=job.cost,
            submitted=job.submitted,
            waits_from=at,
        )
        self._jobs.append(again)
        self._last[job.job_id] = again


def _apply_to_attempt(
    attempt: AttemptRecord, event: StageFinishedEvent | AttemptFailedEvent, at: float
) -> None:
    if isinstance(event, AttemptFailedEvent):
        attempt.ended, attempt.error = at, event.error.code
        return
    attempt.stage_seconds[event.stage] = attempt.stage_seconds.get(event.stage, 0.0) + event.seconds
    if event.stage == Stage.ASSEMBLE.value:
        attempt.left_device = at - event.seconds


def _seconds(time: datetime) -> float:
    return time.timestamp()


def _priority(name: str) -> Priority:
    """Return a priority; medium for one of a later version."""
    try:
        return Priority(name)
    except ValueError:
        return Priority.MEDIUM
