"""What a commit means for the queue of tickets. Pure.

A ticket is a hint; the log decides. So only the plain case is settled from the commit alone: a job that was just
submitted gets its first ticket. Whatever else may touch a ticket means that the job's tail is to be looked at, as
the commit may be old news by the time it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from kinolog.job import events as e
from kinolog.job.commit import Commit, RecordedCommit
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.tickets import Ticket

KINDS = ("queued", "reprioritized", "cancelled", "failed", "prefetch_requested")
"""Events without any of which a commit means nothing to the queue, as the log names them."""

FRESH_SECONDS = 10.0
"""A commit older than this may be old news: the job's tail is looked at."""


@dataclass(frozen=True, slots=True)
class IssueFirstTicket:
    """Issue the first ticket of a job."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class CheckTicket:
    """Look at the job's tail, and make its ticket what it should be."""

    job_id: str


@dataclass(frozen=True, slots=True)
class IssuePrefetchTicket:
    """Issue a ticket to warm up for a job, if its tail still wants that."""

    job_id: str


Reaction: TypeAlias = IssueFirstTicket | CheckTicket | IssuePrefetchTicket


def ticket_changes(batch: Iterable[RecordedCommit], now: datetime) -> list[Reaction]:
    """What commits, oldest first, mean for the queue: at most one reaction per job, beside a wish to warm up."""
    own: dict[str, Reaction] = {}
    warm: dict[str, Reaction] = {}
    for recorded in batch:
        job_id = recorded.commit.job_id
        reaction = _reaction(recorded, now)
        if reaction is not None:
            own[job_id] = CheckTicket(job_id) if job_id in own else reaction
        if any(isinstance(event, e.PrefetchRequested) for event in recorded.commit.events):
            warm[job_id] = IssuePrefetchTicket(job_id)
    return [*own.values(), *warm.values()]


def ticket_of(job: Job, position: int) -> Ticket:
    """The ticket of a job as it stands at `position`."""
    attempt = job.attempt if job.status is Status.PROCESSING else job.attempt + 1
    return Ticket(
        job_id=job.id,
        position=position,
        attempt=attempt,
        model_class=job.spec.model_class,
        priority=job.priority,
        not_before=job.not_before,
    )


def prefetch_ticket(job: Job, position: int) -> Ticket:
    """The ticket to warm up for a job."""
    return Ticket(
        job_id=job.id,
        position=position,
        attempt=job.attempt + 1,
        model_class=job.spec.model_class,
        priority=job.priority,
        not_before=None,
        prefetch=True,
    )


def _reaction(recorded: RecordedCommit, now: datetime) -> Reaction | None:
    commit = recorded.commit
    if not _touches_ticket(commit):
        return None
    fresh = now - commit.at <= timedelta(seconds=FRESH_SECONDS)
    if fresh and commit.previous_position == 0 and commit.state.status is Status.QUEUED:
        return IssueFirstTicket(ticket_of(commit.state, recorded.position))
    return CheckTicket(commit.job_id)


def _touches_ticket(commit: Commit) -> bool:
    """Whether the ticket that lies in the queue, if any, may no longer be the right one.

    A job that ends in a worker's hands needs nothing: that worker removes its ticket.
    """
    for event in commit.events:
        match event:
            case e.Queued() | e.Reprioritized():
                return True
            case e.Cancelled(attempt=0):
                return True
            case e.Failed():
                if commit.command.name == "give_up":
                    return True
            case _:
                pass
    return False
