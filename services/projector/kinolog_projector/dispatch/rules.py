"""Rules: the changes of the ticket queue that a commit requires. Pure.

A ticket is a hint; the log decides. The commit alone decides only the simple case: a job that was just submitted gets
its first ticket. Any other commit that affects a ticket requires loading the job, because later commits may already
have changed it.
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

TICKET_EVENTS = ("queued", "reprioritized", "cancelled", "failed", "prefetch_requested", "paused", "resumed")
"""Stored names of the events that affect tickets. A commit without any of them does not."""

FRESH_SECONDS = 10.0
"""A commit that is older may be outdated: the job is loaded."""


@dataclass(frozen=True, slots=True)
class IssueFirstTicket:
    """Issue the first ticket of a job."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class CheckTicket:
    """Load the job and issue or withdraw its ticket accordingly."""

    job_id: str


@dataclass(frozen=True, slots=True)
class IssuePrefetchTicket:
    """Load the job and issue a prefetch ticket if it still requests one."""

    job_id: str


TicketChange: TypeAlias = IssueFirstTicket | CheckTicket | IssuePrefetchTicket


def ticket_changes(batch: Iterable[RecordedCommit], now: datetime) -> list[TicketChange]:
    """Return the changes that commits, oldest first, require: per job at most one, and one prefetch ticket."""
    changes: dict[str, TicketChange] = {}
    prefetches: dict[str, TicketChange] = {}
    for recorded in batch:
        job_id = recorded.commit.job_id
        change = _ticket_change(recorded, now)
        if change is not None:
            changes[job_id] = CheckTicket(job_id) if job_id in changes else change
        if any(isinstance(event, e.PrefetchRequested) for event in recorded.commit.events):
            prefetches[job_id] = IssuePrefetchTicket(job_id)
    return [*changes.values(), *prefetches.values()]


def ticket_of(job: Job, position: int) -> Ticket:
    """Return the ticket of a job whose last commit is at `position`."""
    attempt = job.attempt if job.status is Status.PROCESSING else job.attempt + 1
    return Ticket(
        job_id=job.id,
        position=position,
        attempt=attempt,
        model_class=job.spec.model_class,
        priority=job.priority,
        not_before=job.not_before,
        tenant=job.tenant,
        created_at=job.created_at,
        goes_first=job.status is Status.QUEUED and job.was_interrupted,
    )


def prefetch_ticket(job: Job, position: int) -> Ticket:
    """Return the prefetch ticket of a job."""
    return Ticket(
        job_id=job.id,
        position=position,
        attempt=job.attempt + 1,
        model_class=job.spec.model_class,
        priority=job.priority,
        not_before=None,
        prefetch=True,
        tenant=job.tenant,
    )


def _ticket_change(recorded: RecordedCommit, now: datetime) -> TicketChange | None:
    commit = recorded.commit
    if not _affects_ticket(commit):
        return None
    fresh = abs(now - commit.at) <= timedelta(seconds=FRESH_SECONDS)  # a clock may have been set back
    if fresh and commit.previous_position == 0 and commit.state.status is Status.QUEUED:
        return IssueFirstTicket(ticket_of(commit.state, recorded.position))
    return CheckTicket(commit.job_id)


def _affects_ticket(commit: Commit) -> bool:
    """Return whether the queue may now hold a wrong ticket for the job, or lack one.

    A job that a worker ends requires no change: that worker acknowledges its ticket.
    """
    for event in commit.events:
        match event:
            case e.Queued() | e.Reprioritized() | e.Paused() | e.Resumed():
                return True
            case e.Cancelled(attempt=0):
                return True
            case e.Failed():
                if commit.command.name in ("give_up", "expire"):
                    return True
            case _:
                pass
    return False
