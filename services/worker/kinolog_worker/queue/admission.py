"""Whether a worker should start the job of a ticket that it was handed. Pure.

A ticket is only a hint. What counts is the job's tail in the log, and the worker's next append is refused when it
has moved on since.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from kinolog.job.state import Job
from kinolog.job.values import Status

ELSEWHERE_SECONDS = 5.0
"""How long a job is put off at first whose model other workers serve, not this one."""

LONGEST_ELSEWHERE_SECONDS = 600.0
"""Being handed out too often would end the job, so the pause doubles up to this."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start an attempt, or go on with the own one."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove the ticket: it is for nothing. `reason` is for the worker's own log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """Give the ticket back for a while."""

    seconds: float


Admission: TypeAlias = Start | Drop | Postpone


@dataclass(frozen=True, slots=True)
class WorkerSituation:
    """What a worker knows when it is handed a ticket.

    `deliveries` counts how often the ticket was handed out; `others` are the jobs that other workers which are
    there report to work on; `elsewhere` are models in the catalogue that this worker does not serve.
    """

    worker: str
    deliveries: int
    now: datetime
    others: Collection[str] = ()
    elsewhere: Collection[str] = ()


def admit(job: Job | None, situation: WorkerSituation) -> Admission:
    """What to do with the ticket of `job`."""
    if job is None:
        return Drop("there is no such job")
    match job.status:
        case Status.QUEUED:
            return _admit_queued(job, situation)
        case Status.PROCESSING:
            return _admit_processing(job, situation)
        case status:
            return Drop(f"the job is {status}")


def _admit_queued(job: Job, situation: WorkerSituation) -> Admission:
    if job.not_before is not None and job.not_before > situation.now:
        return Postpone((job.not_before - situation.now).total_seconds())
    if job.spec.model in situation.elsewhere:
        doublings = min(situation.deliveries - 1, 16)
        return Postpone(min(ELSEWHERE_SECONDS * 2.0**doublings, LONGEST_ELSEWHERE_SECONDS))
    return Start()


def _admit_processing(job: Job, situation: WorkerSituation) -> Admission:
    """A ticket that comes again tells that its holder fell silent; one that comes first may be a second copy."""
    if job.worker == situation.worker or situation.deliveries > 1:
        return Start()
    if job.id in situation.others:
        return Drop(f"{job.worker} works on it")
    return Start()
