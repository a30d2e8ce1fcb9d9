"""What every ticket office and queue does, whatever keeps the tickets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer
from kinolog.adapters.jetstream.queue.ticket_queue import JetStreamTicketQueue
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ids import new_id
from kinolog.job.values import Priority
from kinolog.ports.tickets import HeldTicket, QueueClosed, Ticket, TicketIssuer, TicketQueue
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.fixtures.log import Server, connected, settings_of

ACK_WAIT_SECONDS = 1.0
SOON_SECONDS = 20.0


@dataclass
class Desk:
    """An office, queues of workers, and a model class that no other test uses."""

    office: TicketIssuer
    queue: Callable[[], TicketQueue]
    model_class: str

    def ticket(self, **changes: Any) -> Ticket:
        """A ticket for a job of its own."""
        ticket = Ticket(
            job_id=new_id(), position=7, attempt=1, model_class=self.model_class, priority=Priority.MEDIUM
        )
        return replace(ticket, **changes)

    async def take(self, queue: TicketQueue) -> HeldTicket:
        """The next ticket, which must come."""
        async with asyncio.timeout(SOON_SECONDS):
            return await queue.take([self.model_class])

    async def lying(self, *expected: Ticket) -> None:
        """Wait until exactly these tickets of this test lie in the queue: a replica that is asked may lag."""
        wanted = {ticket.job_id: ticket for ticket in expected}
        found: dict[str, Ticket] = {}
        try:
            async with asyncio.timeout(SOON_SECONDS):
                while (found := await self._outstanding()) != wanted:  # noqa: ASYNC110 - a server is asked
                    await asyncio.sleep(0.01)
        except TimeoutError:
            assert found == wanted

    async def _outstanding(self) -> dict[str, Ticket]:
        found = await self.office.outstanding()
        return {job: ticket for job, ticket in found.items() if ticket.model_class == self.model_class}


@pytest.fixture(params=["memory", "one server", "three replicas"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """A desk of each kind."""
    model_class = f"class-{new_id()[:8]}"
    if request.param == "memory":
        memory = MemoryTicketIssuer(ACK_WAIT_SECONDS)
        yield Desk(memory, memory.queue, model_class)
        return
    server: Server = request.getfixturevalue(
        "nats_server" if request.param == "one server" else "nats_cluster"
    )
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(server, Service.ADMIN))
        projector = await stack.enter_async_context(connected(server, Service.PROJECTOR))
        worker = await stack.enter_async_context(connected(server, Service.WORKER))
        await provision(admin, settings_of(server, Service.ADMIN).nats_replicas)
        office = JetStreamTicketIssuer(projector)
        stack.push_async_callback(office.close)

        def queue() -> TicketQueue:
            made = JetStreamTicketQueue(worker, ack_wait_seconds=ACK_WAIT_SECONDS)
            stack.push_async_callback(made.close)
            return made

        yield Desk(office, queue, model_class)


async def test_a_ticket_arrives_as_it_was_issued(desk: Desk) -> None:
    """Whoever takes a ticket learns everything that was written on it."""
    issued = desk.ticket(attempt=3, not_before=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
    await desk.office.issue(issued, first=True)
    held = await desk.take(desk.queue())
    assert (held.ticket, held.deliveries) == (issued, 1)


async def test_a_waiting_worker_is_handed_the_next_ticket(desk: Desk) -> None:
    """A worker that waits before there is a ticket gets the first that is issued."""
    queue = desk.queue()
    taking = asyncio.create_task(desk.take(queue))
    first, second = desk.ticket(), desk.ticket()
    await desk.office.issue(first, first=True)
    assert (await taking).ticket == first
    taking = asyncio.create_task(desk.take(queue))
    await desk.office.issue(second, first=True)
    assert (await taking).ticket == second


async def test_a_held_ticket_is_not_handed_out_again(desk: Desk) -> None:
    """While one worker holds a ticket, another gets the next one."""
    one, other = desk.queue(), desk.queue()
    first, second = desk.ticket(), desk.ticket()
    await desk.office.issue(first, first=True)
    held = await desk.take(one)
    await desk.office.issue(second, first=True)
    assert held.ticket == first
    assert (await desk.take(other)).ticket == second


async def test_two_waiting_workers_share(desk: Desk) -> None:
    """Of two workers that wait, each gets one of two tickets."""
    taking = [asyncio.create_task(desk.take(desk.queue())) for _ in range(2)]
    tickets = [desk.ticket(), desk.ticket()]
    for ticket in tickets:
        await desk.office.issue(ticket, first=True)
    held = await asyncio.gather(*taking)
    assert {h.ticket.job_id for h in held} == {ticket.job_id for ticket in tickets}


async def test_done_removes_a_ticket(desk: Desk) -> None:
    """A ticket that is done lies in the queue no longer; until then it does, held or not."""
    ticket = desk.ticket()
    await desk.office.issue(ticket, first=True)
    held = await desk.take(desk.queue())
    await desk.lying(ticket)
    await held.acknowledge()
    await desk.lying()


async def test_a_ticket_that_was_given_back_comes_again(desk: Desk) -> None:
    """A ticket that was given back is handed out again, and counts its deliveries."""
    await desk.office.issue(desk.ticket(), first=True)
    queue = desk.queue()
    await (await desk.take(queue)).release()
    assert (await desk.take(queue)).deliveries == 2


async def test_a_ticket_can_be_put_off(desk: Desk) -> None:
    """A ticket that was given back with a delay is handed out after others that were issued later."""
    late, soon = desk.ticket(), desk.ticket()
    await desk.office.issue(late, first=True)
    queue = desk.queue()
    await (await desk.take(queue)).release(delay_seconds=0.7)
    await desk.office.issue(soon, first=True)
    assert [(await desk.take(queue)).ticket for _ in range(2)] == [soon, late]


async def test_a_silent_worker_loses_its_ticket(desk: Desk) -> None:
    """A ticket that is neither kept nor done is handed to another worker; one that is kept is not."""
    quiet, kept = desk.ticket(), desk.ticket()
    one, other = desk.queue(), desk.queue()
    await desk.office.issue(kept, first=True)
    keeper = await desk.take(one)

    async def keep() -> None:
        while True:
            await keeper.extend()
            await asyncio.sleep(ACK_WAIT_SECONDS / 5)

    keeping = asyncio.create_task(keep())
    await desk.office.issue(quiet, first=True)
    assert (await desk.take(one)).ticket == quiet
    again = await desk.take(other)
    assert (again.ticket, again.deliveries) == (quiet, 2)
    keeping.cancel()
    await keeper.acknowledge()
    await desk.lying(quiet)


async def test_issuing_again_has_no_effect(desk: Desk) -> None:
    """A ticket that is issued again while it is held is not handed out a second time."""
    ticket, next_one = desk.ticket(), desk.ticket()
    await desk.office.issue(ticket, first=True)
    await desk.office.issue(ticket, first=True)
    queue = desk.queue()
    held = await desk.take(queue)
    await desk.office.issue(ticket, first=True)
    await desk.office.issue(ticket)
    await desk.office.issue(next_one, first=True)
    assert (held.ticket, held.deliveries) == (ticket, 1)
    assert (await desk.take(queue)).ticket == next_one


async def test_a_later_ticket_replaces_an_earlier_one(desk: Desk) -> None:
    """The ticket with the later position stays, whichever is issued first."""
    early = desk.ticket(position=5)
    late = replace(early, position=9, attempt=2)
    await desk.office.issue(early, first=True)
    await desk.office.issue(late)
    await desk.office.issue(early)
    await desk.lying(late)
    assert (await desk.take(desk.queue())).ticket == late


async def test_a_held_ticket_can_be_replaced(desk: Desk) -> None:
    """When a held ticket is replaced the new one is handed out, and the old one's end does not touch it."""
    early = desk.ticket(position=5)
    late = replace(early, position=9, attempt=2)
    await desk.office.issue(early, first=True)
    queue = desk.queue()
    old = await desk.take(queue)
    await desk.office.issue(late)
    await old.extend()
    await old.acknowledge()
    new = await desk.take(queue)
    assert (new.ticket, new.deliveries) == (late, 1)
    await desk.lying(late)


async def test_a_ticket_moves_with_its_priority(desk: Desk) -> None:
    """After a change of priority one ticket lies in the queue, with the new priority."""
    low = desk.ticket(priority=Priority.LOW, position=5)
    critical = replace(low, priority=Priority.CRITICAL, position=6)
    await desk.office.issue(low, first=True)
    await desk.office.issue(critical)
    await desk.lying(critical)
    queue = desk.queue()
    other = desk.ticket(priority=Priority.LOW)
    assert (await desk.take(queue)).ticket == critical
    await desk.office.issue(other, first=True)
    assert (await desk.take(queue)).ticket == other


async def test_withdrawing(desk: Desk) -> None:
    """A withdrawn ticket is gone, the one to warm up too; withdrawing none, or a held one, is no error."""
    ticket = desk.ticket()
    await desk.office.withdraw(ticket.job_id)
    await desk.office.issue(ticket, first=True)
    held = await desk.take(desk.queue())
    await desk.office.issue(replace(ticket, prefetch=True), first=True)
    await desk.office.withdraw(ticket.job_id)
    await held.acknowledge()
    other = desk.ticket()
    await desk.office.issue(other, first=True)
    await desk.lying(other)
    assert (await desk.take(desk.queue())).ticket == other


async def test_priorities_share_under_load(desk: Desk) -> None:
    """With all priorities waiting, one worker takes eight critical, four high, two medium and one low of fifteen."""
    for priority in Priority:
        for _ in range(8):
            await desk.office.issue(desk.ticket(priority=priority), first=True)
    queue = desk.queue()
    taken = Counter([(await desk.take(queue)).ticket.priority for _ in range(15)])
    assert taken == {Priority.CRITICAL: 8, Priority.HIGH: 4, Priority.MEDIUM: 2, Priority.LOW: 1}


async def test_one_priority_is_first_come_first_served(desk: Desk) -> None:
    """Tickets of one priority are handed out in the order in which they were issued."""
    tickets = [desk.ticket() for _ in range(5)]
    for ticket in tickets:
        await desk.office.issue(ticket, first=True)
    queue = desk.queue()
    assert [(await desk.take(queue)).ticket for _ in tickets] == tickets


async def test_a_waiting_worker_takes_one_ticket_only(desk: Desk) -> None:
    """A worker that waited at all priorities leaves to others what it does not take."""
    one, other = desk.queue(), desk.queue()
    taking = asyncio.create_task(desk.take(one))
    tickets = [desk.ticket(priority=priority) for priority in Priority]
    await asyncio.gather(*(desk.office.issue(ticket, first=True) for ticket in tickets))
    held = [await taking]
    held += [await desk.take(other) for _ in range(3)]
    assert {h.ticket.job_id for h in held} == {ticket.job_id for ticket in tickets}


async def test_cancelling_a_wait_loses_no_ticket(desk: Desk) -> None:
    """What is issued while a wait is being cancelled reaches another worker."""
    for _ in range(5):
        ticket = desk.ticket()
        taking = asyncio.create_task(desk.queue().take([desk.model_class]))
        issuing = asyncio.create_task(desk.office.issue(ticket, first=True))
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.gather(taking, issuing, return_exceptions=True)
        held = taking.result() if not taking.cancelled() else await desk.take(desk.queue())
        assert held.ticket == ticket
        await held.acknowledge()


async def test_a_worker_takes_only_what_it_can_run(desk: Desk) -> None:
    """Tickets of other model classes are left to others."""
    foreign = desk.ticket(model_class=f"{desk.model_class}-big")
    own = desk.ticket()
    await desk.office.issue(foreign, first=True)
    await desk.office.issue(own, first=True)
    assert (await desk.take(desk.queue())).ticket == own
    both = desk.queue()
    async with asyncio.timeout(SOON_SECONDS):
        held = await both.take([desk.model_class, foreign.model_class])
    assert held.ticket == foreign


async def test_warming_up_has_a_ticket_of_its_own(desk: Desk) -> None:
    """A ticket to warm up lies beside the job's own one, and is not counted among the outstanding."""
    ticket = desk.ticket()
    warm = replace(ticket, position=8, prefetch=True)
    await desk.office.issue(ticket, first=True)
    await desk.office.issue(warm)
    await desk.lying(ticket)
    queue = desk.queue()
    taken = [(await desk.take(queue)).ticket for _ in range(2)]
    assert {t.prefetch for t in taken} == {True, False}
    assert {t.job_id for t in taken} == {ticket.job_id}


async def test_closing_ends_a_wait(desk: Desk) -> None:
    """Whoever waits at a queue that is closed is told so, and a ticket issued then reaches another worker."""
    queue = desk.queue()
    taking = asyncio.create_task(queue.take([desk.model_class]))
    await asyncio.sleep(0)
    await queue.close()
    with pytest.raises(QueueClosed):
        await taking
    ticket = desk.ticket()
    await desk.office.issue(ticket, first=True)
    assert (await desk.take(desk.queue())).ticket == ticket


async def test_many_tickets_are_listed(desk: Desk) -> None:
    """The outstanding tickets are listed in full, however many there are."""
    tickets = [desk.ticket() for _ in range(2_100)]
    for start in range(0, len(tickets), 100):
        part = tickets[start : start + 100]
        await asyncio.gather(*(desk.office.issue(ticket, first=True) for ticket in part))
    await desk.lying(*tickets)
