"""Dispatcher and handler of poison tickets over a log in memory."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.reconciler import needs_ticket
from kinolog_projector.dispatch.rules import ticket_of

from kinolog.ids import new_id
from kinolog.job.commands import Cancel, Pause, Prefetch, Reprioritize, Resume
from kinolog.job.values import Priority, Status
from kinolog.ports.advisories import ExhaustedTicket
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import Ticket
from tests.adapters.memory.commit_feed import MemoryCommitFeed
from tests.builders.memory_dispatch import MemoryDispatch
from tests.fixtures.waits import WAIT_SECONDS


@pytest.fixture
def dispatch() -> MemoryDispatch:
    """An empty log and an empty queue."""
    return MemoryDispatch()


def dispatcher(dispatch: MemoryDispatch) -> Dispatcher:
    """Return a dispatcher that reads the log from the beginning."""
    return Dispatcher(MemoryCommitFeed(dispatch.store), dispatch.store, dispatch.issuer, dispatch.clock)


async def dispatched(dispatch: MemoryDispatch, job_id: str) -> dict[str, Ticket]:
    """Return the tickets after dispatching all commits of a job, one by one."""
    for recorded in await dispatch.commits(job_id):
        await dispatcher(dispatch).dispatch([recorded])
    return await dispatch.issuer.outstanding()


async def test_queued_jobs_get_tickets_as_they_come(dispatch: MemoryDispatch) -> None:
    """A job that is submitted while the dispatcher runs can be taken from the queue."""
    running = asyncio.create_task(dispatcher(dispatch).run())
    job_id = await dispatch.submit()
    async with asyncio.timeout(WAIT_SECONDS):
        held = await dispatch.issuer.queue().take(["tiny"])
    assert held.ticket.job_id == job_id
    running.cancel()


async def test_a_paused_job_has_no_ticket(dispatch: MemoryDispatch) -> None:
    """It gets one again when it is resumed. The reconciler leaves it alone meanwhile."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Pause(id=new_id(), actor="ann"))
    assert await dispatched(dispatch, job_id) == {}
    paused = await dispatch.job(job_id)
    assert not needs_ticket(paused, set())
    ticket = ticket_of(paused, 2)
    await dispatch.issuer.issue(ticket)
    advisory = ExhaustedTicket(id=7, ticket=ticket, deliveries=10)
    assert await poison_ticket_handler(dispatch).handle(advisory)
    assert await dispatch.issuer.outstanding() == {}
    await dispatch.send(job_id, Resume(id=new_id(), actor="ann"))
    assert set(await dispatched(dispatch, job_id)) == {job_id}


async def test_dispatching_twice_changes_nothing(dispatch: MemoryDispatch) -> None:
    """Dispatching commits again does not change the queue, whatever its state."""
    job_id = await dispatch.submit()
    await dispatched(dispatch, job_id)
    held = await dispatch.issuer.queue().take(["tiny"])
    await dispatch.start(job_id)
    tickets = await dispatched(dispatch, job_id)
    assert tickets == {job_id: held.ticket}
    assert (held.deliveries, len(dispatch.issuer.queued)) == (1, 1)


async def test_a_new_priority_moves_the_ticket(dispatch: MemoryDispatch) -> None:
    """A queued job with a new priority has one ticket, with that priority and the position of that commit."""
    job_id = await dispatch.submit(Priority.LOW)
    await dispatched(dispatch, job_id)
    await dispatch.send(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.CRITICAL))
    ticket = Ticket(
        job_id=job_id,
        position=await dispatch.position(job_id),
        attempt=1,
        model_class="tiny",
        priority=Priority.CRITICAL,
        tenant="default",
        created_at=dispatch.now,
    )
    assert await dispatched(dispatch, job_id) == {job_id: ticket}


async def test_a_new_priority_leaves_a_running_job_alone(dispatch: MemoryDispatch) -> None:
    """A ticket that a worker holds stays when the priority of its job changes."""
    job_id = await dispatch.submit(Priority.LOW)
    await dispatched(dispatch, job_id)
    held = await dispatch.issuer.queue().take(["tiny"])
    await dispatch.start(job_id)
    await dispatch.send(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.CRITICAL))
    assert await dispatched(dispatch, job_id) == {job_id: held.ticket}


async def test_a_failed_attempt_is_queued_for_later(dispatch: MemoryDispatch) -> None:
    """After a failed attempt the ticket is for the next one, with its earliest start."""
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
        tenant="default",
        created_at=dispatch.now,
    )
    assert await dispatched(dispatch, job_id) == {job_id: ticket}


async def test_a_cancelled_job_loses_its_ticket(dispatch: MemoryDispatch) -> None:
    """The ticket of a job that was cancelled while it waited is withdrawn."""
    job_id, other = await dispatch.submit(), await dispatch.submit()
    await dispatched(dispatch, other)
    await dispatched(dispatch, job_id)
    await dispatch.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert set(await dispatched(dispatch, job_id)) == {other}


async def test_old_commits_of_an_ended_job_issue_nothing(dispatch: MemoryDispatch) -> None:
    """Reading a long history from its beginning issues tickets for queued jobs only."""
    ended, waiting = await dispatch.submit(), await dispatch.submit()
    await dispatch.send(ended, Cancel(id=new_id(), actor="ann"))
    dispatch.advance(3600)
    await dispatched(dispatch, ended)
    assert set(await dispatched(dispatch, waiting)) == {waiting}


async def test_a_prefetch_request_issues_a_second_ticket(dispatch: MemoryDispatch) -> None:
    """A prefetch request issues a prefetch ticket besides the job's own, unless the job has started since."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await dispatched(dispatch, job_id)
    assert {entry.ticket.prefetch for entry in dispatch.issuer.queued.values()} == {True, False}
    dispatch.issuer.queued.clear()
    await dispatch.start(job_id)
    dispatch.advance(60)
    assert await dispatched(dispatch, job_id) == {}


async def test_an_outage_is_retried(dispatch: MemoryDispatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the queue is unavailable the dispatcher retries, and loses nothing."""
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
    assert set(await dispatched(dispatch, job_id)) == {job_id}


class Advisories:
    """A feed without advisories; the tests pass them to the handler."""

    async def take(self) -> ExhaustedTicket:
        never: asyncio.Future[ExhaustedTicket] = asyncio.get_running_loop().create_future()
        return await never

    async def acknowledge(self, exhausted: ExhaustedTicket) -> None:
        raise AssertionError("nothing was taken")

    async def close(self) -> None:
        """Do nothing: there are no resources."""


def poison_ticket_handler(dispatch: MemoryDispatch, max_rounds: int = 1) -> PoisonTicketHandler:
    """Return a handler of poison tickets."""
    return PoisonTicketHandler(
        Advisories(), dispatch.store, dispatch.handler, dispatch.issuer, dispatch.workers, max_rounds
    )


async def exhausted(dispatch: MemoryDispatch, job_id: str) -> ExhaustedTicket:
    """Return the advisory that the ticket of a job is exhausted."""
    await dispatched(dispatch, job_id)
    return ExhaustedTicket(id=7, ticket=(await dispatch.issuer.outstanding())[job_id], deliveries=10)


async def test_a_poisoned_job_fails(dispatch: MemoryDispatch) -> None:
    """A job whose ticket is exhausted fails with the error POISONED, and its ticket is withdrawn."""
    job_id = await dispatch.submit()
    advisory = await exhausted(dispatch, job_id)
    assert await poison_ticket_handler(dispatch).handle(advisory)
    loaded = await dispatch.store.load(job_id)
    assert loaded is not None
    assert loaded.job.error is not None
    assert (loaded.job.status, loaded.job.error.code, loaded.job.error.retryable) == (
        Status.FAILED,
        "POISONED",
        False,
    )
    assert await dispatch.issuer.outstanding() == {}


async def test_an_exhausted_ticket_is_issued_again_at_first(dispatch: MemoryDispatch) -> None:
    """A job without an attempt gets new tickets, at the end of the queue; the third exhausted one ends it."""
    job_id = await dispatch.submit()
    handler = poison_ticket_handler(dispatch, max_rounds=3)
    for _ in range(2):
        advisory = await exhausted(dispatch, job_id)
        before = dispatch.issuer.queued[job_id, False]
        assert await handler.handle(advisory)
        assert dispatch.issuer.queued[job_id, False] is not before
        assert (await dispatch.job(job_id)).status is Status.QUEUED
    assert await handler.handle(await exhausted(dispatch, job_id))
    assert (await dispatch.job(job_id)).status is Status.FAILED
    assert (handler.reissued, handler.given_up) == (2, 1)


async def test_a_redelivered_advisory_changes_nothing(dispatch: MemoryDispatch) -> None:
    """Handling an advisory twice fails the job once."""
    job_id = await dispatch.submit()
    advisory = await exhausted(dispatch, job_id)
    for _ in range(2):
        assert await poison_ticket_handler(dispatch).handle(advisory)
    assert len(await dispatch.commits(job_id)) == 2


async def test_a_job_of_a_present_worker_is_not_given_up(dispatch: MemoryDispatch) -> None:
    """While the worker reports the job, the advisory must be redelivered."""
    job_id = await dispatch.submit()
    advisory = await exhausted(dispatch, job_id)
    await dispatch.start(job_id)
    await dispatch.report("worker-1", job_id)
    assert not await poison_ticket_handler(dispatch).handle(advisory)
    await dispatch.workers.deregister("worker-1")
    assert await poison_ticket_handler(dispatch).handle(advisory)
    assert (await dispatch.job(job_id)).status is Status.PROCESSING
    ticket = (await dispatch.issuer.outstanding())[job_id]
    assert ticket.attempt == 1  # the next worker ends the lost attempt


async def test_an_exhausted_prefetch_ticket_fails_no_job(dispatch: MemoryDispatch) -> None:
    """When prefetches fail up to the maximum, the job stays in the queue."""
    job_id = await dispatch.submit()
    await dispatch.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await dispatched(dispatch, job_id)
    prefetch = next(entry.ticket for entry in dispatch.issuer.queued.values() if entry.ticket.prefetch)
    assert await poison_ticket_handler(dispatch).handle(ExhaustedTicket(id=8, ticket=prefetch, deliveries=10))
    assert set(await dispatch.issuer.outstanding()) == {job_id}
