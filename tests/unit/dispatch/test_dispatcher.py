"""The reactor, reconciler and poison control over a log in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.reconciler import Reconciler

from kinolog.ids import new_id
from kinolog.job.commands import Cancel, Prefetch, Reprioritize
from kinolog.job.values import Priority, Status
from kinolog.ports.advisories import ExhaustedTicket
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import Ticket
from tests.adapters.memory.commit_feed import MemoryCommitFeed
from tests.builders.memory_dispatch import MemoryDispatch


@pytest.fixture
def dispatch() -> MemoryDispatch:
    """An empty dispatch."""
    return MemoryDispatch()


def reactor(dispatch: MemoryDispatch) -> Dispatcher:
    """A reactor that reads the dispatch's log from the beginning."""
    return Dispatcher(MemoryCommitFeed(dispatch.store), dispatch.store, dispatch.issuer, dispatch.clock)


async def reacted(dispatch: MemoryDispatch, job_id: str) -> dict[str, Ticket]:
    """The tickets after the reactor has read all of a job's commits, one after the other."""
    for recorded in await dispatch.commits(job_id):
        await reactor(dispatch).react([recorded])
    return await dispatch.issuer.outstanding()


async def test_queued_jobs_get_tickets_as_they_come(dispatch: MemoryDispatch) -> None:
    """A job that is submitted while the reactor runs can be taken from the queue."""
    running = asyncio.create_task(reactor(dispatch).run())
    job_id = await dispatch.submit()
    async with asyncio.timeout(10):
        held = await dispatch.issuer.queue().take(["tiny"])
    assert held.ticket.job_id == job_id
    running.cancel()


async def test_reacting_twice_is_reacting_once(dispatch: MemoryDispatch) -> None:
    """Commits that are read again, in whatever state the queue is, leave it as it is."""
    job_id = await dispatch.submit()
    await reacted(dispatch, job_id)
    held = await dispatch.issuer.queue().take(["tiny"])
    await dispatch.start(job_id)
    lying = await reacted(dispatch, job_id)
    assert lying == {job_id: held.ticket}
    assert (held.deliveries, len(dispatch.issuer.queued)) == (1, 1)


async def test_a_new_priority_moves_the_ticket(dispatch: MemoryDispatch) -> None:
    """A queued job with a new priority has one ticket, with that priority and the position of that commit."""
    job_id = await dispatch.submit(Priority.LOW)
    await reacted(dispatch, job_id)
    await dispatch.send(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.CRITICAL))
    ticket = Ticket(
        job_id=job_id,
        position=await dispatch.position(job_id),
        attempt=1,
        model_class="tiny",
        priority=Priority.CRITICAL,
    )
    assert await reacted(dispatch, job_id) == {job_id: ticket}


async def test_a_new_priority_leaves_a_running_job_alone(dispatch: MemoryDispatch) -> None:
    """The ticket that a worker holds stays where it is when its job gets another priority."""
    job_id = await dispatch.submit(Priority.LOW)
    await reacted(dispatch, job_id)
    held = await dispatch.issuer.queue().take(["tiny"])
    await dispatch.start(job_id)
    await dispatch.send(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.CRITICAL))
    assert await reacted(dispatch, job_id) == {job_id: held.ticket}


async def test_a_failed_attempt_is_queued_for_later(dispatch: MemoryDispatch) -> None:
    """After a failed attempt the ticket is for the next one, not before its time."""
    job_id = await dispatch.submit()
    await dispatch.start(job_id)
    await dispatch.crash(job_id, retry_seconds=5)
    not_before = dispatch.now + timedelta(seconds=5)
    ticket = Ticket(
        job_id=job_id,
        position=await dispatch.position(job_id),
        attempt=2,
        model_class="tiny",
        priority=Priority.MEDIUM,
        not_before=not_before,
    )
    assert await reacted(dispatch, job_id) == {job_id: ticket}


async def test_a_cancelled_job_loses_its_ticket(dispatch: MemoryDispatch) -> None:
    """The ticket of a job that was cancelled while it waited is withdrawn."""
    job_id, other = await dispatch.submit(), await dispatch.submit()
    await reacted(dispatch, other)
    await reacted(dispatch, job_id)
    await dispatch.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert set(await reacted(dispatch, job_id)) == {other}


async def test_old_news_of_an_ended_job_issues_nothing(dispatch: MemoryDispatch) -> None:
    """Reading a long history from its beginning issues tickets for waiting jobs only."""
    ended, waiting = await dispatch.submit(), await dispatch.submit()
    await dispatch.send(ended, Cancel(id=new_id(), actor="ann"))
    dispatch.advance(3600)
    await reacted(dispatch, ended)
    assert set(await reacted(dispatch, waiting)) == {waiting}


async def test_warming_up(dispatch: MemoryDispatch) -> None:
    """A wish to warm up puts a second ticket beside the job's own, unless the job was started meanwhile."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await reacted(dispatch, job_id)
    assert {lying.ticket.prefetch for lying in dispatch.issuer.queued.values()} == {True, False}
    dispatch.issuer.queued.clear()
    await dispatch.start(job_id)
    dispatch.advance(60)
    assert await reacted(dispatch, job_id) == {}


async def test_an_outage_is_waited_out(dispatch: MemoryDispatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the queue cannot be reached the reactor tries on, and loses nothing."""
    issue = dispatch.issuer.issue
    outages = 2

    async def unreliable(ticket: Ticket, *, first: bool = False) -> None:
        nonlocal outages
        if outages:
            outages -= 1
            raise LogUnavailable("no server")
        await issue(ticket, first=first)

    monkeypatch.setattr(dispatch.issuer, "issue", unreliable)
    job_id = await dispatch.submit()
    assert set(await reacted(dispatch, job_id)) == {job_id}


def reconciler(dispatch: MemoryDispatch, *overdue: str) -> Reconciler:
    """A reconciler that is told of these overdue jobs."""

    async def unfinished(since: datetime) -> Sequence[str]:
        assert since < dispatch.now
        return overdue

    return Reconciler(unfinished, dispatch.store, dispatch.issuer, dispatch.workers, dispatch.clock)


async def test_a_missing_ticket_is_issued_again(dispatch: MemoryDispatch) -> None:
    """A queued job without a ticket gets one; a job that has one, and one that has ended, do not."""
    lost, well, ended = [await dispatch.submit() for _ in range(3)]
    await reacted(dispatch, well)
    before = dict(dispatch.issuer.queued)
    await dispatch.send(ended, Cancel(id=new_id(), actor="ann"))
    assert await reconciler(dispatch, lost, well, ended, new_id()).reconcile() == [lost]
    assert set(await dispatch.issuer.outstanding()) == {lost, well}
    assert all(dispatch.issuer.queued[place] is lying for place, lying in before.items())


async def test_a_job_in_lost_hands_gets_a_ticket(dispatch: MemoryDispatch) -> None:
    """A job whose worker is gone gets a ticket when it has none; one whose worker is there does not."""
    lost, held = await dispatch.submit(), await dispatch.submit()
    await dispatch.start(lost, "worker-1")
    await dispatch.start(held, "worker-2")
    await dispatch.report("worker-2", held)
    assert await reconciler(dispatch, lost, held).reconcile() == [lost]
    ticket = (await dispatch.issuer.outstanding())[lost]
    assert (ticket.attempt, ticket.position) == (1, await dispatch.position(lost))


async def test_nothing_is_asked_when_nothing_is_overdue(
    dispatch: MemoryDispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as no job is overdue the queue is not read."""
    monkeypatch.setattr(dispatch.issuer, "outstanding", None)
    assert await reconciler(dispatch).reconcile() == []


class Advisories:
    """No advisories; the tests hand them over themselves."""

    async def take(self) -> ExhaustedTicket:
        never: asyncio.Future[ExhaustedTicket] = asyncio.get_running_loop().create_future()
        return await never

    async def acknowledge(self, exhausted: ExhaustedTicket) -> None:
        raise AssertionError("nothing was taken")

    async def close(self) -> None:
        """Nothing is held."""


def poison_control(dispatch: MemoryDispatch) -> PoisonTicketHandler:
    """Poison control of the dispatch."""
    return PoisonTicketHandler(
        Advisories(), dispatch.store, dispatch.handler, dispatch.issuer, dispatch.workers
    )


async def exhausted(dispatch: MemoryDispatch, job_id: str) -> ExhaustedTicket:
    """The advisory that the job's ticket is exhausted."""
    await reacted(dispatch, job_id)
    return ExhaustedTicket(id=7, ticket=(await dispatch.issuer.outstanding())[job_id], deliveries=10)


async def test_a_poisoned_job_fails(dispatch: MemoryDispatch) -> None:
    """A job whose ticket is exhausted fails with a clear error, and its ticket is removed."""
    job_id = await dispatch.submit()
    advisory = await exhausted(dispatch, job_id)
    assert await poison_control(dispatch).deal_with(advisory)
    loaded = await dispatch.store.load(job_id)
    assert loaded is not None
    assert loaded.job.error is not None
    assert (loaded.job.status, loaded.job.error.code, loaded.job.error.retryable) == (
        Status.FAILED,
        "POISONED",
        False,
    )
    assert await dispatch.issuer.outstanding() == {}


async def test_an_advisory_that_comes_again_changes_nothing(dispatch: MemoryDispatch) -> None:
    """Dealing with the same advisory twice leaves one failure in the log."""
    job_id = await dispatch.submit()
    advisory = await exhausted(dispatch, job_id)
    for _ in range(2):
        assert await poison_control(dispatch).deal_with(advisory)
    assert len(await dispatch.commits(job_id)) == 2


async def test_a_job_in_a_living_worker_s_hands_is_not_given_up(dispatch: MemoryDispatch) -> None:
    """While the job's worker reports that it works on it, the advisory is put off."""
    job_id = await dispatch.submit()
    advisory = await exhausted(dispatch, job_id)
    await dispatch.start(job_id)
    await dispatch.report("worker-1", job_id)
    assert not await poison_control(dispatch).deal_with(advisory)
    await dispatch.workers.deregister("worker-1")
    assert await poison_control(dispatch).deal_with(advisory)
    loaded = await dispatch.store.load(job_id)
    assert loaded is not None
    assert loaded.job.status is Status.FAILED


async def test_a_poisoned_wish_to_warm_up_harms_no_job(dispatch: MemoryDispatch) -> None:
    """When warming up fails again and again its job stays in the queue."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await reacted(dispatch, job_id)
    warm = next(lying.ticket for lying in dispatch.issuer.queued.values() if lying.ticket.prefetch)
    assert await poison_control(dispatch).deal_with(ExhaustedTicket(id=8, ticket=warm, deliveries=10))
    assert set(await dispatch.issuer.outstanding()) == {job_id}
