"""Rules: the changes of the ticket queue that commits require."""

from __future__ import annotations

import pytest
from kinolog_projector.dispatch.rules import (
    FRESH_SECONDS,
    TICKET_EVENTS,
    CheckTicket,
    IssueFirstTicket,
    IssuePrefetchTicket,
    ticket_changes,
)

from kinolog.codec.events import event_to_proto
from kinolog.ids import new_id
from kinolog.job.commands import (
    Cancel,
    ConfirmCancel,
    Erase,
    GiveUp,
    Prefetch,
    RecordStages,
    Reprioritize,
    Retry,
    StageMark,
)
from kinolog.job.values import JobError, Priority, Stage
from kinolog.ports.tickets import Ticket
from tests.builders.memory_dispatch import MemoryDispatch
from tests.strategies import START

DENOISE_STARTED = StageMark(stage=Stage.DENOISE, scene=0, at=START)


@pytest.fixture
def dispatch() -> MemoryDispatch:
    """An empty log and an empty queue."""
    return MemoryDispatch()


async def last_changes(dispatch: MemoryDispatch, job_id: str) -> list[object]:
    """Return the changes that the last commit of a job requires."""
    return list(ticket_changes((await dispatch.commits(job_id))[-1:], dispatch.now))


async def test_a_submitted_job_gets_its_first_ticket(dispatch: MemoryDispatch) -> None:
    """A recent submit needs no other commit: the ticket has the values of the commit."""
    job_id = await dispatch.submit(Priority.HIGH)
    ticket = Ticket(
        job_id=job_id,
        position=1,
        attempt=1,
        model_class="tiny",
        priority=Priority.HIGH,
        tenant="default",
        created_at=dispatch.now,
    )
    assert await last_changes(dispatch, job_id) == [IssueFirstTicket(ticket)]


async def test_an_old_submit_is_checked(dispatch: MemoryDispatch) -> None:
    """A submit that is read late may be outdated: the ticket is checked against the job."""
    job_id = await dispatch.submit()
    dispatch.advance(FRESH_SECONDS + 1)
    assert await last_changes(dispatch, job_id) == [CheckTicket(job_id)]


async def test_what_changes_a_ticket_is_checked(dispatch: MemoryDispatch) -> None:
    """Another priority, a failed attempt, a retry and a cancelled queued job each may change the ticket."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.LOW))
    assert await last_changes(dispatch, job_id) == [CheckTicket(job_id)]
    await dispatch.start(job_id)
    await dispatch.crash(job_id)
    assert await last_changes(dispatch, job_id) == [CheckTicket(job_id)]
    await dispatch.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert await last_changes(dispatch, job_id) == [CheckTicket(job_id)]
    await dispatch.send(job_id, Retry(id=new_id(), actor="ann"))
    assert await last_changes(dispatch, job_id) == [CheckTicket(job_id)]


async def test_a_job_that_was_given_up_is_checked(dispatch: MemoryDispatch) -> None:
    """A job that the service gave up may still have a ticket."""
    job_id = await dispatch.submit()
    await dispatch.send(
        job_id,
        GiveUp(
            id=new_id(), actor="projector", error=JobError(code="POISONED", message="no", retryable=False)
        ),
    )
    assert await last_changes(dispatch, job_id) == [CheckTicket(job_id)]


async def test_what_a_worker_does_changes_nothing(dispatch: MemoryDispatch) -> None:
    """Starts, stages, cancel requests and ends of running jobs do not change the queue."""
    job_id = await dispatch.submit()
    await dispatch.start(job_id)
    assert await last_changes(dispatch, job_id) == []
    await dispatch.send(
        job_id, RecordStages(id=new_id(), actor="worker-1", attempt=1, marks=(DENOISE_STARTED,))
    )
    assert await last_changes(dispatch, job_id) == []
    await dispatch.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert await last_changes(dispatch, job_id) == []
    await dispatch.send(job_id, ConfirmCancel(id=new_id(), actor="worker-1", attempt=1))
    assert await last_changes(dispatch, job_id) == []
    await dispatch.send(job_id, Erase(id=new_id(), actor="ann"))
    assert await last_changes(dispatch, job_id) == []


async def test_a_prefetch_request(dispatch: MemoryDispatch) -> None:
    """A prefetch request is a change of its own, besides that of the job's ticket."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Prefetch(id=new_id(), actor="ann"))
    assert await last_changes(dispatch, job_id) == [IssuePrefetchTicket(job_id)]
    both = ticket_changes(await dispatch.commits(job_id), dispatch.now)
    assert [type(change) for change in both] == [IssueFirstTicket, IssuePrefetchTicket]


async def test_many_commits_of_a_job_are_checked_once(dispatch: MemoryDispatch) -> None:
    """Several commits of a job in a batch require one check; other jobs are not affected."""
    job_id, other = await dispatch.submit(), await dispatch.submit()
    await dispatch.send(
        job_id,
        Reprioritize(id=new_id(), actor="ann", priority=Priority.LOW),
        Cancel(id=new_id(), actor="ann"),
    )
    batch = [*await dispatch.commits(job_id), *await dispatch.commits(other)]
    changes = ticket_changes(batch, dispatch.now)
    assert changes[0] == CheckTicket(job_id)
    assert isinstance(changes[1], IssueFirstTicket)
    assert len(changes) == 2


async def test_only_ticket_events_change_the_queue(dispatch: MemoryDispatch) -> None:
    """A commit without one of these events requires no change, whatever else it has."""
    job_id = await dispatch.submit()
    await dispatch.send(
        job_id,
        Prefetch(id=new_id(), actor="ann"),
        Reprioritize(id=new_id(), actor="ann", priority=Priority.LOW),
    )
    await dispatch.start(job_id)
    await dispatch.send(
        job_id, RecordStages(id=new_id(), actor="worker-1", attempt=1, marks=(DENOISE_STARTED,))
    )
    await dispatch.crash(job_id)
    await dispatch.send(job_id, Cancel(id=new_id(), actor="ann"), Retry(id=new_id(), actor="ann"))
    await dispatch.send(
        job_id,
        GiveUp(
            id=new_id(), actor="projector", error=JobError(code="POISONED", message="no", retryable=False)
        ),
    )
    for recorded in await dispatch.commits(job_id):
        kinds = {event.WhichOneof("kind") for event in map(event_to_proto, recorded.commit.events)}
        assert bool(ticket_changes([recorded], dispatch.now)) <= bool(kinds & set(TICKET_EVENTS))
