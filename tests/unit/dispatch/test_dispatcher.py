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
from tests.unit.dispatch.jobs import House


@pytest.fixture
def house() -> House:
    """An empty house."""
    return House()


def reactor(house: House) -> Dispatcher:
    """A reactor that reads the house's log from the beginning."""
    return Dispatcher(MemoryCommitFeed(house.store), house.store, house.office, house.clock)


async def reacted(house: House, job_id: str) -> dict[str, Ticket]:
    """The tickets after the reactor has read all of a job's commits, one after the other."""
    for recorded in await house.commits(job_id):
        await reactor(house).react([recorded])
    return await house.office.outstanding()


async def test_queued_jobs_get_tickets_as_they_come(house: House) -> None:
    """A job that is submitted while the reactor runs can be taken from the queue."""
    running = asyncio.create_task(reactor(house).run())
    job_id = await house.submitted()
    async with asyncio.timeout(10):
        held = await house.office.queue().take(["tiny"])
    assert held.ticket.job_id == job_id
    running.cancel()


async def test_reacting_twice_is_reacting_once(house: House) -> None:
    """Commits that are read again, in whatever state the queue is, leave it as it is."""
    job_id = await house.submitted()
    await reacted(house, job_id)
    held = await house.office.queue().take(["tiny"])
    await house.started(job_id)
    lying = await reacted(house, job_id)
    assert lying == {job_id: held.ticket}
    assert (held.deliveries, len(house.office.queued)) == (1, 1)


async def test_a_new_priority_moves_the_ticket(house: House) -> None:
    """A queued job with a new priority has one ticket, with that priority and the position of that commit."""
    job_id = await house.submitted(Priority.LOW)
    await reacted(house, job_id)
    await house.give(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.CRITICAL))
    ticket = Ticket(
        job_id=job_id,
        position=await house.position(job_id),
        attempt=1,
        model_class="tiny",
        priority=Priority.CRITICAL,
    )
    assert await reacted(house, job_id) == {job_id: ticket}


async def test_a_new_priority_leaves_a_running_job_alone(house: House) -> None:
    """The ticket that a worker holds stays where it is when its job gets another priority."""
    job_id = await house.submitted(Priority.LOW)
    await reacted(house, job_id)
    held = await house.office.queue().take(["tiny"])
    await house.started(job_id)
    await house.give(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.CRITICAL))
    assert await reacted(house, job_id) == {job_id: held.ticket}


async def test_a_failed_attempt_is_queued_for_later(house: House) -> None:
    """After a failed attempt the ticket is for the next one, not before its time."""
    job_id = await house.submitted()
    await house.started(job_id)
    await house.crashed(job_id, retry_seconds=5)
    not_before = house.now + timedelta(seconds=5)
    ticket = Ticket(
        job_id=job_id,
        position=await house.position(job_id),
        attempt=2,
        model_class="tiny",
        priority=Priority.MEDIUM,
        not_before=not_before,
    )
    assert await reacted(house, job_id) == {job_id: ticket}


async def test_a_cancelled_job_loses_its_ticket(house: House) -> None:
    """The ticket of a job that was cancelled while it waited is withdrawn."""
    job_id, other = await house.submitted(), await house.submitted()
    await reacted(house, other)
    await reacted(house, job_id)
    await house.give(job_id, Cancel(id=new_id(), actor="ann"))
    assert set(await reacted(house, job_id)) == {other}


async def test_old_news_of_an_ended_job_issues_nothing(house: House) -> None:
    """Reading a long history from its beginning issues tickets for waiting jobs only."""
    ended, waiting = await house.submitted(), await house.submitted()
    await house.give(ended, Cancel(id=new_id(), actor="ann"))
    house.later(3600)
    await reacted(house, ended)
    assert set(await reacted(house, waiting)) == {waiting}


async def test_warming_up(house: House) -> None:
    """A wish to warm up puts a second ticket beside the job's own, unless the job was started meanwhile."""
    job_id = await house.submitted()
    await house.give(job_id, Prefetch(id=new_id(), actor="ann"))
    await reacted(house, job_id)
    assert {lying.ticket.prefetch for lying in house.office.queued.values()} == {True, False}
    house.office.queued.clear()
    await house.started(job_id)
    house.later(60)
    assert await reacted(house, job_id) == {}


async def test_an_outage_is_waited_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the queue cannot be reached the reactor tries on, and loses nothing."""
    issue = house.office.issue
    outages = 2

    async def unreliable(ticket: Ticket, *, first: bool = False) -> None:
        nonlocal outages
        if outages:
            outages -= 1
            raise LogUnavailable("no server")
        await issue(ticket, first=first)

    monkeypatch.setattr(house.office, "issue", unreliable)
    job_id = await house.submitted()
    assert set(await reacted(house, job_id)) == {job_id}


def reconciler(house: House, *overdue: str) -> Reconciler:
    """A reconciler that is told of these overdue jobs."""

    async def unfinished(since: datetime) -> Sequence[str]:
        assert since < house.now
        return overdue

    return Reconciler(unfinished, house.store, house.office, house.workers, house.clock)


async def test_a_missing_ticket_is_issued_again(house: House) -> None:
    """A queued job without a ticket gets one; a job that has one, and one that has ended, do not."""
    lost, well, ended = [await house.submitted() for _ in range(3)]
    await reacted(house, well)
    before = dict(house.office.queued)
    await house.give(ended, Cancel(id=new_id(), actor="ann"))
    assert await reconciler(house, lost, well, ended, new_id()).reconcile() == [lost]
    assert set(await house.office.outstanding()) == {lost, well}
    assert all(house.office.queued[place] is lying for place, lying in before.items())


async def test_a_job_in_lost_hands_gets_a_ticket(house: House) -> None:
    """A job whose worker is gone gets a ticket when it has none; one whose worker is there does not."""
    lost, held = await house.submitted(), await house.submitted()
    await house.started(lost, "worker-1")
    await house.started(held, "worker-2")
    await house.reports("worker-2", held)
    assert await reconciler(house, lost, held).reconcile() == [lost]
    ticket = (await house.office.outstanding())[lost]
    assert (ticket.attempt, ticket.position) == (1, await house.position(lost))


async def test_nothing_is_asked_when_nothing_is_overdue(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as no job is overdue the queue is not read."""
    monkeypatch.setattr(house.office, "outstanding", None)
    assert await reconciler(house).reconcile() == []


class Advisories:
    """No advisories; the tests hand them over themselves."""

    async def take(self) -> ExhaustedTicket:
        never: asyncio.Future[ExhaustedTicket] = asyncio.get_running_loop().create_future()
        return await never

    async def acknowledge(self, exhausted: ExhaustedTicket) -> None:
        raise AssertionError("nothing was taken")

    async def close(self) -> None:
        """Nothing is held."""


def poison_control(house: House) -> PoisonTicketHandler:
    """Poison control of the house."""
    return PoisonTicketHandler(Advisories(), house.store, house.handler, house.office, house.workers)


async def exhausted(house: House, job_id: str) -> ExhaustedTicket:
    """The advisory that the job's ticket is exhausted."""
    await reacted(house, job_id)
    return ExhaustedTicket(id=7, ticket=(await house.office.outstanding())[job_id], deliveries=10)


async def test_a_poisoned_job_fails(house: House) -> None:
    """A job whose ticket is exhausted fails with a clear error, and its ticket is removed."""
    job_id = await house.submitted()
    advisory = await exhausted(house, job_id)
    assert await poison_control(house).deal_with(advisory)
    loaded = await house.store.load(job_id)
    assert loaded is not None
    assert loaded.job.error is not None
    assert (loaded.job.status, loaded.job.error.code, loaded.job.error.retryable) == (
        Status.FAILED,
        "POISONED",
        False,
    )
    assert await house.office.outstanding() == {}


async def test_an_advisory_that_comes_again_changes_nothing(house: House) -> None:
    """Dealing with the same advisory twice leaves one failure in the log."""
    job_id = await house.submitted()
    advisory = await exhausted(house, job_id)
    for _ in range(2):
        assert await poison_control(house).deal_with(advisory)
    assert len(await house.commits(job_id)) == 2


async def test_a_job_in_a_living_worker_s_hands_is_not_given_up(house: House) -> None:
    """While the job's worker reports that it works on it, the advisory is put off."""
    job_id = await house.submitted()
    advisory = await exhausted(house, job_id)
    await house.started(job_id)
    await house.reports("worker-1", job_id)
    assert not await poison_control(house).deal_with(advisory)
    await house.workers.deregister("worker-1")
    assert await poison_control(house).deal_with(advisory)
    loaded = await house.store.load(job_id)
    assert loaded is not None
    assert loaded.job.status is Status.FAILED


async def test_a_poisoned_wish_to_warm_up_harms_no_job(house: House) -> None:
    """When warming up fails again and again its job stays in the queue."""
    job_id = await house.submitted()
    await house.give(job_id, Prefetch(id=new_id(), actor="ann"))
    await reacted(house, job_id)
    warm = next(lying.ticket for lying in house.office.queued.values() if lying.ticket.prefetch)
    assert await poison_control(house).deal_with(ExhaustedTicket(id=8, ticket=warm, deliveries=10))
    assert set(await house.office.outstanding()) == {job_id}
