"""Tickets of several tenants in the order of their turns, over a queue in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kinolog.job.values import Priority
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import StoredTicket, Ticket
from kinolog.scheduling.turn_order import LEAST_WINDOW
from tests.fixtures.tasks import background_task
from tests.unit.dispatch.fair_queue import FairQueue


@pytest.fixture
async def queue() -> FairQueue:
    """An empty queue."""
    return FairQueue()


async def test_a_flood_is_deferred(queue: FairQueue) -> None:
    """Of many tickets of one tenant the first are in the lane; every job has one, and they come in their order."""
    await queue.submit("a", 30)
    assert queue.in_lane() == [f"a-{number}" for number in range(LEAST_WINDOW)]
    assert len(await queue.issuer.outstanding()) == 30
    async with background_task(queue.issuer.run()):
        assert await queue.render(30) == [f"a-{number}" for number in range(30)]
    assert await queue.issuer.outstanding() == {}


async def test_few_jobs_of_one_tenant_are_put_once(queue: FairQueue) -> None:
    """Tickets that fit into the lane are stored there at once, and never moved."""
    for number in range(4):
        await queue.submit("a", 5, start=5 * number)
        await queue.render(5)
    assert queue.lanes.puts == 20


async def test_another_tenant_goes_first(queue: FairQueue) -> None:
    """A job of a tenant that took no turn is put before those of a flood, which wait in the lane already."""
    await queue.submit("a", 30)
    await queue.submit("b", 2)
    async with background_task(queue.issuer.run()):
        rendered = await queue.render(32)
    # Nobody took a turn yet: the tenants alternate, of equal turns the job that was queued first.
    assert rendered[:5] == ["a-0", "b-0", "a-1", "b-1", "a-2"]
    assert rendered[5:] == [f"a-{number}" for number in range(3, 30)]


async def test_weights_are_shares(queue: FairQueue) -> None:
    """Of two tenants that flood, one of weight 3 renders three jobs while the other renders one."""
    queue.weights["b"] = 3.0
    await queue.submit("a", 60)
    await queue.submit("b", 60)
    async with background_task(queue.issuer.run()):
        rendered = await queue.render(40)
    assert sum(job.startswith("b") for job in rendered) == 30


async def test_who_took_few_turns_uses_them_later(queue: FairQueue) -> None:
    """A burst after a flood has run for a while is rendered before the rest of the flood."""
    await queue.submit("a", 60)
    async with background_task(queue.issuer.run()):
        await queue.render(20)
        await queue.submit("b", 12)
        assert await queue.render(12) == [f"b-{number}" for number in range(12)]
        assert (await queue.render(1))[0] == "a-20"


async def test_a_new_issuer_continues(queue: FairQueue) -> None:
    """After a restart the deferred tickets are found in the queue; none is lost and none is there twice."""
    await queue.submit("a", 20)
    await queue.submit("b", 20)
    held = await queue.take()
    queue.issuer = queue.restarted()
    async with background_task(queue.issuer.run()):
        await queue.submit("c", 1)
        rendered = await queue.render(6)
        assert "c-0" in rendered
        rendered += await queue.render(34)
    await held.acknowledge()
    assert sorted([*rendered, held.ticket.job_id]) == sorted(
        [*(f"{tenant}-{number}" for tenant in "ab" for number in range(20)), "c-0"]
    )


async def test_dispatching_again_changes_nothing(queue: FairQueue) -> None:
    """Issuing tickets again moves none, also after a restart, and also one that a worker holds."""
    tickets = [queue.ticket(f"a-{number}") for number in range(20)]
    await asyncio.gather(*(queue.issuer.issue(ticket, first=True) for ticket in tickets))
    held = await queue.take()
    queue.issuer, puts = queue.restarted(), queue.lanes.puts
    await asyncio.gather(*(queue.issuer.issue(ticket) for ticket in tickets))
    assert queue.lanes.puts <= puts + 1  # the next ticket follows that which was taken
    assert await queue.issuer.outstanding() == {ticket.job_id: ticket for ticket in tickets}
    assert held.deliveries == 1
    await held.acknowledge()


async def test_a_later_attempt_does_not_wait_again(queue: FairQueue) -> None:
    """The ticket of a later attempt is put into the lane at once, and its turn counts."""
    await queue.submit("a", 20)
    await queue.submit("b", 20)
    retry = replace(queue.ticket("a-0"), attempt=2)
    await queue.issuer.issue(retry)
    assert "a-0" in queue.in_lane()
    assert (await queue.issuer.outstanding())["a-0"] == retry
    async with background_task(queue.issuer.run()):
        rendered = await queue.render(20)
    assert sum(job.startswith("b") for job in rendered) == 10


@pytest.mark.parametrize("taken", [True, False])
async def test_an_interrupted_job_goes_first(queue: FairQueue, taken: bool) -> None:
    """Before jobs of other tenants and older ones, whoever has had fewer turns, also after a restart."""
    for tenant in "ab":
        await queue.submit(tenant, 20)
    held = await queue.take() if taken else None
    again = [replace(queue.ticket(job_id), attempt=2, goes_first=True) for job_id in ("a-0", "b-19")]
    for ticket in again:
        await queue.issuer.issue(ticket)
    if held is not None:
        await held.acknowledge()  # after the ticket of the next attempt, as a worker may
    assert queue.in_lane()[:2] == ["a-0", "b-19"]
    assert {job: ticket for job, ticket in (await queue.issuer.outstanding()).items() if ticket in again} == {
        ticket.job_id: ticket for ticket in again
    }
    queue.issuer = queue.restarted()
    await queue.submit("c", 1)
    async with background_task(queue.issuer.run()):
        rendered = await queue.render(41)
    assert rendered[:2] == ["a-0", "b-19"]
    assert len(set(rendered)) == 41


async def test_a_new_priority_moves_a_deferred_ticket(queue: FairQueue) -> None:
    """A deferred job that becomes critical is taken next, once."""
    await queue.submit("a", 20)
    await queue.issuer.issue(queue.ticket("a-15", Priority.CRITICAL))
    async with background_task(queue.issuer.run()):
        rendered = await queue.render(20)
    assert rendered == ["a-15", *(f"a-{number}" for number in range(20) if number != 15)]


async def test_a_new_priority_keeps_the_age_of_a_job(queue: FairQueue) -> None:
    """A job that comes into a lane by a new priority starts before younger jobs of its tenant there."""
    at = datetime(2026, 5, 6, tzinfo=UTC)
    low, *others = [
        replace(queue.ticket(f"a-{number}", Priority.LOW if number == 0 else Priority.MEDIUM), created_at=at)
        for number in range(4)
    ]
    others = [replace(ticket, created_at=at + timedelta(seconds=1)) for ticket in others]
    await asyncio.gather(*(queue.issuer.issue(ticket, first=True) for ticket in (low, *others)))
    await queue.submit("b", 1)
    await queue.issuer.issue(replace(low, position=99, priority=Priority.MEDIUM))
    assert [job for job in queue.in_lane() if job.startswith("a")] == ["a-0", "a-1", "a-2", "a-3"]


async def test_a_withdrawn_ticket_stays_away(queue: FairQueue) -> None:
    """Neither a deferred job nor one in the lane is rendered after its ticket was withdrawn."""
    await queue.submit("a", 20)
    await queue.issuer.withdraw("a-1")
    await queue.issuer.withdraw("a-15")
    async with background_task(queue.issuer.run()):
        rendered = await queue.render(18)
    assert rendered == [f"a-{number}" for number in range(20) if number not in (1, 15)]


async def test_lost_tickets_are_issued_again(queue: FairQueue) -> None:
    """After the queue lost all tickets, what the reconciler issues again is stored."""
    tickets = [queue.ticket(f"a-{number}") for number in range(20)]
    await asyncio.gather(*(queue.issuer.issue(ticket, first=True) for ticket in tickets))
    queue.memory.queued.clear()
    queue.memory.deferred.clear()
    assert await queue.issuer.outstanding() == {}
    await asyncio.gather(*(queue.issuer.issue(ticket, first=True) for ticket in tickets))
    async with background_task(queue.issuer.run()):
        assert len(await queue.render(20)) == 20


async def test_a_prefetch_is_issued_at_once(queue: FairQueue) -> None:
    """The ticket of a prefetch waits for no turn, and counts as none."""
    await queue.submit("a", 20)
    await queue.issuer.issue(replace(queue.ticket("a-19"), prefetch=True))
    assert len(queue.in_lane()) == LEAST_WINDOW + 1


async def submit_again(queue: FairQueue, jobs: int) -> None:
    """Issue the tickets of jobs of `b` until the queue takes them, as the dispatcher does."""
    tickets = [queue.ticket(f"b-{number}") for number in range(jobs)]

    async def issue(ticket: Ticket) -> None:
        while True:
            try:
                await queue.issuer.issue(ticket, first=True)
                return
            except LogUnavailable:
                queue.lanes.fails.clear()

    await asyncio.gather(*map(issue, tickets))


@pytest.mark.parametrize("failing", ["put", "put deferred", "remove"])
async def test_an_outage_loses_no_ticket(queue: FairQueue, failing: str) -> None:
    """If the queue fails while tickets are moved, the next call goes on, and each job is rendered."""
    await queue.submit("a", 20)
    queue.lanes.fails.add(failing)
    await submit_again(queue, 12)
    assert not queue.lanes.fails
    assert len(await queue.issuer.outstanding()) == 32
    async with background_task(queue.issuer.run()):
        rendered = await queue.render(32)
    assert len(set(rendered)) == 32


async def test_a_ticket_that_is_withdrawn_while_it_moves_is_removed(queue: FairQueue) -> None:
    """A job that is cancelled while its ticket is being put into the lane leaves none there."""
    await queue.submit("a", 9)
    assert "a-8" not in queue.in_lane()
    put = queue.lanes.put

    async def put_and_withdraw(tickets: Sequence[StoredTicket], *, deferred: bool) -> list[int]:
        await queue.issuer.withdraw("a-8")
        return await put(tickets, deferred=deferred)

    queue.lanes.put = put_and_withdraw  # type: ignore[method-assign]
    await queue.render(1)
    async with background_task(queue.issuer.run()):
        await queue.submit("b", 1)
        rendered = await queue.render(8)
    assert "a-8" not in rendered
    assert await queue.issuer.outstanding() == {}


async def test_a_ticket_that_comes_back_before_it_is_removed(queue: FairQueue) -> None:
    """A ticket that was deferred, and is put into the lane again while the first one is still there, is not lost."""
    await queue.submit("a", LEAST_WINDOW)
    queue.lanes.fails = {"remove"}
    with pytest.raises(LogUnavailable):
        await queue.submit("b", 1)
    await queue.issuer.withdraw("b-0")
    queue.lanes.fails = set()
    await queue.submit("a", 1, start=LEAST_WINDOW)
    assert {each.ticket.job_id for each in await queue.lanes.stored()} == {f"a-{n}" for n in range(9)}
    assert queue.in_lane() == [f"a-{number}" for number in range(LEAST_WINDOW)]
