"""Conformance of the lanes of tickets: what is stored where, in which order, and what workers have taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest
from nats.aio.client import Client

from kinolog.adapters.jetstream.client.stored_messages import StoredMessage
from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.queue import ticket_issuer
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer, last_ticket
from kinolog.adapters.jetstream.queue.ticket_lanes import JetStreamTicketLanes
from kinolog.adapters.jetstream.queue.ticket_queue import JetStreamTicketQueue
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ids import new_id
from kinolog.job.values import Priority
from kinolog.ports.tickets import StoredTicket, Ticket, TicketIssuer, TicketLanes, TicketQueue
from tests.adapters.memory.ticket_lanes import MemoryTicketLanes
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.fixtures.log import Server, connected, settings_of
from tests.fixtures.waits import WAIT_SECONDS


@dataclass
class LaneSetup:
    """Lanes, an issuer and a queue of the same tickets, and a model class that no other test uses."""

    lanes: TicketLanes
    issuer: TicketIssuer
    queue: Callable[[], TicketQueue]
    model_class: str

    def tickets(self, count: int) -> list[Ticket]:
        """Return tickets of new jobs."""
        return [
            Ticket(
                job_id=f"{number}-{new_id()}",
                position=7,
                attempt=1,
                model_class=self.model_class,
                priority=Priority.MEDIUM,
                tenant=f"tenant-{number}",
            )
            for number in range(count)
        ]

    async def put(self, tickets: list[Ticket], *, deferred: bool = False) -> list[StoredTicket]:
        """Store tickets of jobs that have none. Return them as they are stored."""
        new = [StoredTicket(ticket=ticket, number=0) for ticket in tickets]
        numbers = await self.lanes.put(new, deferred=deferred)
        return [
            StoredTicket(ticket=ticket, number=number, deferred=deferred)
            for ticket, number in zip(tickets, numbers, strict=True)
        ]

    async def stored(self) -> list[StoredTicket]:
        """Return the stored tickets of this test."""
        return [each for each in await self.lanes.stored() if each.ticket.model_class == self.model_class]

    async def taken(self, count: int) -> list[Ticket]:
        """Return what a worker takes, in its order."""
        queue = self.queue()
        async with asyncio.timeout(WAIT_SECONDS):
            return [(await queue.take([self.model_class])).ticket for _ in range(count)]


@pytest.fixture(params=["memory", "one server"])
async def setup(request: pytest.FixtureRequest) -> AsyncIterator[LaneSetup]:
    """Lanes of each kind."""
    model_class = f"class-{new_id()[:8]}"
    if request.param == "memory":
        memory = MemoryTicketIssuer()
        yield LaneSetup(MemoryTicketLanes(memory), memory, memory.queue, model_class)
        return
    server: Server = request.getfixturevalue("nats_server")
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(server, Service.ADMIN))
        projector = await stack.enter_async_context(connected(server, Service.PROJECTOR))
        worker = await stack.enter_async_context(connected(server, Service.WORKER))
        await provision(admin, settings_of(server, Service.ADMIN).nats_replicas)
        issuer, lanes = JetStreamTicketIssuer(projector), JetStreamTicketLanes(projector)
        stack.push_async_callback(issuer.close)
        stack.push_async_callback(lanes.close)

        def queue() -> TicketQueue:
            made = JetStreamTicketQueue(worker)
            stack.push_async_callback(made.close)
            return made

        yield LaneSetup(lanes, issuer, queue, model_class)


async def test_tickets_are_taken_in_the_order_in_which_they_were_put(setup: LaneSetup) -> None:
    """A ticket that is put again is behind those that were put before; what is taken is read from the lane."""
    tickets = setup.tickets(4)
    stored = await setup.put(tickets)
    assert [each.ticket for each in await setup.stored()] == tickets
    moved = await setup.lanes.put([stored[2], stored[1]], deferred=False)
    assert await setup.taken(3) == [tickets[0], tickets[3], tickets[2]]
    progress = await setup.lanes.progress(setup.model_class, Priority.MEDIUM)
    assert progress is not None
    assert (moved[0] <= progress.taken < moved[1], progress.untaken) == (True, 1)


async def test_no_worker_receives_a_deferred_ticket(setup: LaneSetup) -> None:
    """A deferred ticket counts as one that the job has, and is taken after it is put into the lane."""
    (waiting,) = await setup.put(setup.tickets(1), deferred=True)
    assert await setup.stored() == [waiting]
    assert await setup.lanes.has_ticket(waiting.ticket)
    assert (await setup.issuer.outstanding())[waiting.ticket.job_id] == waiting.ticket
    other = await setup.put(setup.tickets(1))
    assert await setup.taken(1) == [other[0].ticket]
    await setup.put([waiting.ticket])
    await setup.lanes.remove([waiting])
    assert await setup.taken(1) == [waiting.ticket]


async def test_no_worker_has_taken_from_a_lane_that_none_served(setup: LaneSetup) -> None:
    """The progress of a lane is not known before a worker has served it."""
    await setup.put(setup.tickets(1))
    assert await setup.lanes.progress(setup.model_class, Priority.MEDIUM) is None


async def test_a_ticket_that_is_gone_is_not_put_again(setup: LaneSetup) -> None:
    """Of tickets that are put again, one that was withdrawn meanwhile stays away; the others are stored."""
    tickets = setup.tickets(3)
    stored = await setup.put(tickets)
    await setup.issuer.withdraw(tickets[1].job_id)
    numbers = await setup.lanes.put(stored, deferred=False)
    assert [bool(number) for number in numbers] == [True, False, True]
    assert [each.ticket for each in await setup.stored()] == [tickets[0], tickets[2]]


@pytest.mark.parametrize("setup", ["one server"], indirect=True)
async def test_a_ticket_is_put_although_the_earlier_one_is_acknowledged_meanwhile(
    setup: LaneSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker ends an attempt, whose ticket it acknowledges while the ticket for the next attempt is put."""
    (ticket,) = setup.tickets(1)
    await setup.put([ticket])

    async def found_and_acknowledged(client: Client, subject: str) -> StoredMessage | None:
        found = await last_ticket(client, subject)
        await setup.issuer.withdraw(ticket.job_id)
        return found

    monkeypatch.setattr(ticket_issuer, "last_ticket", found_and_acknowledged)
    (put,) = await setup.put([replace(ticket, position=8, attempt=2)])
    assert put.number > 0
    assert await setup.stored() == [put]


async def test_of_two_tickets_the_later_one_stays(setup: LaneSetup) -> None:
    """A ticket is not replaced by one of an earlier commit, or by itself, but by one of a later commit."""
    (ticket,) = setup.tickets(1)
    (stored,) = await setup.put([ticket])
    assert await setup.put([replace(ticket, position=6)]) == [
        replace(stored, ticket=replace(ticket, position=6))
    ]
    assert await setup.put([ticket]) == [stored]
    later = replace(ticket, position=9)
    (replaced,) = await setup.put([later])
    assert replaced.number > stored.number
    assert await setup.stored() == [replaced]


async def test_a_later_attempt_replaces_a_deferred_ticket(setup: LaneSetup) -> None:
    """Issuing a ticket of a later commit removes the deferred one; issuing the same again changes nothing."""
    first, second = await setup.put(setup.tickets(2), deferred=True)
    await setup.issuer.issue(first.ticket)
    retry = replace(second.ticket, position=9, attempt=2)
    await setup.issuer.issue(retry)
    found = {each.ticket: each.deferred for each in await setup.stored()}
    assert found == {first.ticket: True, retry: False}
    await setup.issuer.withdraw(first.ticket.job_id)
    assert [each.ticket for each in await setup.stored()] == [retry]


async def test_a_removal_spares_later_tickets(setup: LaneSetup) -> None:
    """Removing a ticket by its number leaves one that was put afterwards, and one that is deferred."""
    tickets = setup.tickets(2)
    one, other = await setup.put(tickets)
    (again,) = await setup.lanes.put([one], deferred=False)
    (waiting,) = await setup.put([other.ticket], deferred=True)
    await setup.lanes.remove([one, other])
    assert [(each.number, each.deferred) for each in await setup.stored()] == [
        (again, False),
        (waiting.number, True),
    ]
