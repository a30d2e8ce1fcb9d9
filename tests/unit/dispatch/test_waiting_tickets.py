"""Tickets of jobs whose time to start has not come, over a queue in memory and a clock that is set by hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from kinolog_projector.dispatch import fair_issuer

from kinolog.job.values import Priority
from kinolog.ports.tickets import Ticket
from kinolog.scheduling.turn_order import LEAST_WINDOW
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until_true
from tests.unit.dispatch.fair_queue import FairQueue

START = datetime(2026, 5, 6, tzinfo=UTC)
LATER = START + timedelta(hours=1)


class TimedQueue(FairQueue):
    """A queue whose issuer has the time that the test sets."""

    def __init__(self) -> None:
        self.now = START
        super().__init__()

    def clock(self) -> datetime:
        """The time as the test set it."""
        return self.now

    def later(self, job_id: str, at: datetime = LATER, priority: Priority = Priority.MEDIUM) -> Ticket:
        """Return the first ticket of a job that waits for a time."""
        return replace(self.ticket(job_id, priority), not_before=at, created_at=START)

    def metric(self) -> float:
        """How many tickets wait, as the probe says."""
        return next(m.value for m in self.issuer.metrics() if m.name == "kinolog_dispatch_waiting_tickets")


@pytest.fixture
async def queue(monkeypatch: pytest.MonkeyPatch) -> TimedQueue:
    """An empty queue whose issuer looks often."""
    monkeypatch.setattr(fair_issuer, "LONGEST_PAUSE_SECONDS", 0.02)
    return TimedQueue()


async def test_a_ticket_waits_beside_its_lane(queue: TimedQueue) -> None:
    """No worker receives it before its time, whatever is dispatched again; then it is put into its lane."""
    ticket = queue.later("a-0")
    await queue.issuer.issue(ticket, first=True)
    await queue.issuer.issue(ticket)
    assert (queue.in_lane(), queue.metric(), queue.lanes.puts) == ([], 1, 1)
    assert await queue.issuer.outstanding() == {"a-0": ticket}
    async with background_task(queue.issuer.run()):
        await queue.submit("b", 1)
        assert await queue.render(1) == ["b-0"]
        queue.now = LATER
        assert await queue.render(1) == ["a-0"]
    assert (await queue.issuer.outstanding(), queue.metric()) == ({}, 0)


async def test_a_new_issuer_knows_what_waits(queue: TimedQueue) -> None:
    """After a restart the tickets wait for their times, each for its own; those whose time came meanwhile are due."""
    times = [LATER + timedelta(minutes=number) for number in range(3)]
    await asyncio.gather(
        *(queue.issuer.issue(queue.later(f"a-{n}", at), first=True) for n, at in enumerate(times))
    )
    queue.issuer, queue.now = queue.restarted(), times[1]
    async with background_task(queue.issuer.run()):
        assert await queue.render(2) == ["a-0", "a-1"]
        await until_true(lambda: queue.metric() == 1, "the third waits")
        queue.now = times[2]
        assert await queue.render(1) == ["a-2"]


async def test_many_whose_time_comes_take_turns(queue: TimedQueue) -> None:
    """Jobs that come due together are a flood like another: they are deferred, and other tenants have turns."""
    await asyncio.gather(*(queue.issuer.issue(queue.later(f"a-{n}"), first=True) for n in range(30)))
    queue.now = LATER
    async with background_task(queue.issuer.run()):
        await until_true(lambda: len(queue.in_lane()) == LEAST_WINDOW, "the lane is filled")
        await queue.submit("b", 2)
        rendered = await queue.render(32)
    assert "b-1" in rendered[: LEAST_WINDOW + 2]
    assert [job for job in rendered if job.startswith("a")] == [f"a-{n}" for n in range(30)]


async def test_a_job_comes_after_those_that_could_start_earlier(queue: TimedQueue) -> None:
    """The turn of a job counts from its time on, not from its submit."""
    await queue.issuer.issue(queue.later("a-0"), first=True)
    async with background_task(queue.issuer.run()):
        for number in range(1, LEAST_WINDOW + 3):
            at = START + timedelta(minutes=number)
            ticket = replace(queue.ticket(f"a-{number}"), created_at=at)
            await queue.issuer.issue(ticket, first=True)
        queue.now = LATER
        await until_true(lambda: queue.metric() == 0, "the time has come")
        assert (await queue.render(LEAST_WINDOW + 3))[-1] == "a-0"


async def test_a_new_priority_and_a_withdrawal(queue: TimedQueue) -> None:
    """A job that waits may get another priority, and be cancelled; it leaves no second ticket."""
    for number in range(2):
        await queue.issuer.issue(queue.later(f"a-{number}"), first=True)
    await queue.issuer.issue(queue.later("a-0", priority=Priority.CRITICAL))
    await queue.issuer.withdraw("a-1")
    (stored,) = await queue.lanes.stored()
    assert (stored.ticket.job_id, stored.ticket.priority, stored.deferred) == ("a-0", Priority.CRITICAL, True)
    queue.now = LATER
    async with background_task(queue.issuer.run()):
        assert await queue.render(1) == ["a-0"]
    assert await queue.lanes.stored() == []


async def test_a_pause_before_another_attempt_holds_no_ticket(queue: TimedQueue) -> None:
    """The next attempt of a job waits like a first one, while the worker of the last one still has its ticket."""
    await queue.submit("a", 1)
    held = await queue.take()
    await queue.issuer.issue(replace(queue.later("a-0"), attempt=2))
    await held.acknowledge()
    assert (queue.in_lane(), queue.metric()) == ([], 1)
    queue.now = LATER
    async with background_task(queue.issuer.run()):
        again = await queue.take()
        assert (again.ticket.attempt, again.deliveries) == (2, 1)
        await again.acknowledge()
    assert await queue.lanes.stored() == []


@pytest.mark.parametrize("failing", ["put", "remove"])
@pytest.mark.parametrize("attempt", [1, 2])
async def test_an_outage_loses_no_ticket(queue: TimedQueue, failing: str, attempt: int) -> None:
    """If the queue does not answer when the time of a ticket comes, it is put into its lane afterwards."""
    await queue.issuer.issue(replace(queue.later("a-0"), attempt=attempt), first=True)
    queue.lanes.fails.add(failing)
    queue.now = LATER
    async with background_task(queue.issuer.run()):
        await until_true(lambda: queue.lanes.failures > 1, "the queue was tried again")
        queue.lanes.fails.clear()
        assert await queue.render(1) == ["a-0"]
        await until_true(lambda: not queue.memory.deferred, "no ticket is left")
    assert await queue.issuer.outstanding() == {}
