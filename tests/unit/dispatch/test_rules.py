"""What commits mean for the queue of tickets."""

from __future__ import annotations

import pytest
from kinolog_projector.dispatch.rules import (
    FRESH_SECONDS,
    KINDS,
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
    """An empty dispatch."""
    return MemoryDispatch()


async def last_reaction(dispatch: MemoryDispatch, job_id: str) -> list[object]:
    """What the last commit of a job means."""
    return list(ticket_changes((await dispatch.commits(job_id))[-1:], dispatch.now))


async def test_a_submitted_job_gets_its_first_ticket(dispatch: MemoryDispatch) -> None:
    """A fresh submit is settled from the commit alone: the ticket says what the commit says."""
    job_id = await dispatch.submit(Priority.HIGH)
    ticket = Ticket(job_id=job_id, position=1, attempt=1, model_class="tiny", priority=Priority.HIGH)
    assert await last_reaction(dispatch, job_id) == [IssueFirstTicket(ticket)]


async def test_old_news_is_looked_at(dispatch: MemoryDispatch) -> None:
    """A submit that was read late may be old news: the job's tail is looked at."""
    job_id = await dispatch.submit()
    dispatch.advance(FRESH_SECONDS + 1)
    assert await last_reaction(dispatch, job_id) == [CheckTicket(job_id)]


async def test_what_moves_a_ticket_is_looked_at(dispatch: MemoryDispatch) -> None:
    """Another priority, a failed attempt, a retry and a cancelled queued job each may change the ticket."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.LOW))
    assert await last_reaction(dispatch, job_id) == [CheckTicket(job_id)]
    await dispatch.start(job_id)
    await dispatch.crash(job_id)
    assert await last_reaction(dispatch, job_id) == [CheckTicket(job_id)]
    await dispatch.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert await last_reaction(dispatch, job_id) == [CheckTicket(job_id)]
    await dispatch.send(job_id, Retry(id=new_id(), actor="ann"))
    assert await last_reaction(dispatch, job_id) == [CheckTicket(job_id)]


async def test_a_job_that_was_given_up_is_looked_at(dispatch: MemoryDispatch) -> None:
    """A job that the service gave up leaves a ticket behind."""
    job_id = await dispatch.submit()
    await dispatch.send(
        job_id,
        GiveUp(
            id=new_id(), actor="projector", error=JobError(code="POISONED", message="no", retryable=False)
        ),
    )
    assert await last_reaction(dispatch, job_id) == [CheckTicket(job_id)]


async def test_what_a_worker_does_means_nothing(dispatch: MemoryDispatch) -> None:
    """Starting, stages, a wish to cancel, and what ends a job in a worker's hands leave the queue alone."""
    job_id = await dispatch.submit()
    await dispatch.start(job_id)
    assert await last_reaction(dispatch, job_id) == []
    await dispatch.send(
        job_id, RecordStages(id=new_id(), actor="worker-1", attempt=1, marks=(DENOISE_STARTED,))
    )
    assert await last_reaction(dispatch, job_id) == []
    await dispatch.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert await last_reaction(dispatch, job_id) == []
    await dispatch.send(job_id, ConfirmCancel(id=new_id(), actor="worker-1", attempt=1))
    assert await last_reaction(dispatch, job_id) == []
    await dispatch.send(job_id, Erase(id=new_id(), actor="ann"))
    assert await last_reaction(dispatch, job_id) == []


async def test_a_wish_to_warm_up(dispatch: MemoryDispatch) -> None:
    """A wish to warm up is a reaction of its own, beside that of the job's ticket."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Prefetch(id=new_id(), actor="ann"))
    assert await last_reaction(dispatch, job_id) == [IssuePrefetchTicket(job_id)]
    both = ticket_changes(await dispatch.commits(job_id), dispatch.now)
    assert [type(reaction) for reaction in both] == [IssueFirstTicket, IssuePrefetchTicket]


async def test_one_look_for_many_commits_of_a_job(dispatch: MemoryDispatch) -> None:
    """Several commits of one job in a batch lead to one look at its tail; other jobs are not affected."""
    job_id, other = await dispatch.submit(), await dispatch.submit()
    await dispatch.send(
        job_id,
        Reprioritize(id=new_id(), actor="ann", priority=Priority.LOW),
        Cancel(id=new_id(), actor="ann"),
    )
    batch = [*await dispatch.commits(job_id), *await dispatch.commits(other)]
    reactions = ticket_changes(batch, dispatch.now)
    assert reactions[0] == CheckTicket(job_id)
    assert isinstance(reactions[1], IssueFirstTicket)
    assert len(reactions) == 2


async def test_the_named_kinds_are_those_that_matter(dispatch: MemoryDispatch) -> None:
    """A commit without an event of the named kinds means nothing, whatever else is in it."""
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
        assert bool(ticket_changes([recorded], dispatch.now)) <= bool(kinds & set(KINDS))
