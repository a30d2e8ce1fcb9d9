"""Whether a worker starts the job of a ticket that it received. Pure.

A ticket is only a hint. The job's tail in the log decides: the worker's next append is refused if the tail has moved.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.process.backoff import Backoff

UNSERVED_MODEL_BACKOFF = Backoff(first_seconds=5.0, longest_seconds=600.0)
"""Pauses of a ticket whose model or codec other workers have, not this one, by deliveries.

A ticket that is delivered too often ends its job, so the pauses double.
"""


@dataclass(frozen=True, slots=True)
class Start:
    """Start an attempt, or continue this worker's own one. `waited`: the queue held the ticket for its whole pause."""

    waited: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Acknowledge the ticket: there is nothing to do. `reason` is for the worker's own log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """Release the ticket for a while."""

    seconds: float


Admission: TypeAlias = Start | Drop | Postpone


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSituation:
    """What a worker knows when it receives a ticket.

    `deliveries` counts how often the ticket was delivered; `jobs_of_others` are the jobs that other live workers
    report; `unserved_models` are models in the catalogue that this worker does not serve; `codecs` are those that it
    can encode, none while that is not known. `lacks_memory`: its GPU is too small for the job, and another worker's is
    not. `late_copy`: the ticket was put into the queue again while another worker took it and started the job.
    """

    worker: str
    deliveries: int
    now: datetime
    jobs_of_others: Collection[str] = ()
    unserved_models: Collection[str] = ()
    codecs: Collection[str] = ()
    lacks_memory: bool = False
    late_copy: bool = False


def admit(job: Job | None, situation: WorkerSituation) -> Admission:
    """Decide what to do with the ticket of `job`."""
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
    if job.paused_at is not None:
        return Drop("the job is paused")
    early = job.not_before is not None and job.not_before > situation.now
    if early and not _has_waited(job, situation):
        return Postpone(_pause_seconds(job, situation.now))
    lacks_codec = bool(job.spec.codec and situation.codecs) and job.spec.codec not in situation.codecs
    if job.spec.model in situation.unserved_models or lacks_codec or situation.lacks_memory:
        return Postpone(UNSERVED_MODEL_BACKOFF.seconds(situation.deliveries))
    return Start(waited=early)


def _pause_seconds(job: Job, now: datetime) -> float:
    """Return how long a job still has to wait: until `not_before`, and at most the pause that was decided.

    Both ends of that pause are times of one clock. `now` may be of another one, or of one that was set back.
    """
    if job.not_before is None:
        return 0.0
    return (job.not_before - max(now, job.updated_at)).total_seconds()


def _has_waited(job: Job, situation: WorkerSituation) -> bool:
    """Return whether the queue has held the ticket for the pause, although this clock is before the job's last change.

    The queue measures pauses by itself, so a clock that was set back two hours does not delay a job for two hours.
    """
    return situation.deliveries > 1 and situation.now < job.updated_at


def _admit_processing(job: Job, situation: WorkerSituation) -> Admission:
    """A redelivered ticket means that its holder stopped extending it; a first delivery may be a second copy."""
    if job.worker == situation.worker or situation.deliveries > 1:
        return Start()
    if situation.late_copy or job.id in situation.jobs_of_others:
        return Drop(f"{job.worker} works on it")
    return Start()
