"""Conformance of the ticket issuers and queues."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

import pytest

from kinolog.job.values import Priority
from kinolog.ports.tickets import HeldTicket, QueueClosed
from tests.contract.ticket_queues import LOST_SECONDS, TicketSetup, ack_wait_seconds, setup
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import WAIT_SECONDS

__all__ = ["ack_wait_seconds", "setup"]  # fixtures


async def test_a_ticket_arrives_as_it_was_issued(setup: TicketSetup) -> None:
    """A taken ticket has all fields of the issued one."""
    issued = setup.ticket(attempt=3, not_before=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
    await setup.issuer.issue(issued, first=True)
    held = await setup.take(setup.queue())
    assert (held.ticket, held.deliveries) == (issued, 1)


async def test_the_ticket_of_a_dead_worker_is_given_back(setup: TicketSetup) -> None:
    """By the receipt another process returns a held ticket at once; a receipt that is no longer valid does nothing."""
    await setup.issuer.issue(setup.ticket(), first=True)
    held = await setup.take(setup.queue())
    restarted = setup.queue()
    await restarted.give_back(held.receipt)
    again = await setup.take(restarted)
    assert (again.ticket, again.deliveries) == (held.ticket, 2)
    await again.acknowledge()
    await restarted.give_back(again.receipt)
    await restarted.give_back("no receipt")
    await setup.expect_outstanding()


async def test_a_waiting_worker_gets_the_next_ticket(setup: TicketSetup) -> None:
    """A waiting worker gets the first ticket that is issued."""
    queue = setup.queue()
    taking = asyncio.create_task(setup.take(queue))
    first, second = setup.ticket(), setup.ticket()
    await setup.issuer.issue(first, first=True)
    assert (await taking).ticket == first
    taking = asyncio.create_task(setup.take(queue))
    await setup.issuer.issue(second, first=True)
    assert (await taking).ticket == second


async def test_a_held_ticket_is_not_delivered_again(setup: TicketSetup) -> None:
    """While one worker holds a ticket, another gets the next one."""
    one, other = setup.queue(), setup.queue()
    first, second = setup.ticket(), setup.ticket()
    await setup.issuer.issue(first, first=True)
    held = await setup.take(one)
    await setup.issuer.issue(second, first=True)
    assert held.ticket == first
    assert (await setup.take(other)).ticket == second


async def test_two_waiting_workers_share(setup: TicketSetup) -> None:
    """Of two workers that wait, each gets one of two tickets."""
    taking = [asyncio.create_task(setup.take(setup.queue())) for _ in range(2)]
    tickets = [setup.ticket(), setup.ticket()]
    for ticket in tickets:
        await setup.issuer.issue(ticket, first=True)
    held = await asyncio.gather(*taking)
    assert {h.ticket.job_id for h in held} == {ticket.job_id for ticket in tickets}


async def test_acknowledging_removes_a_ticket(setup: TicketSetup) -> None:
    """A ticket is in the queue, held or not, until it is acknowledged."""
    ticket = setup.ticket()
    await setup.issuer.issue(ticket, first=True)
    held = await setup.take(setup.queue())
    await setup.expect_outstanding(ticket)
    await held.acknowledge()
    await setup.expect_outstanding()


async def test_a_released_ticket_is_delivered_again(setup: TicketSetup) -> None:
    """A released ticket is delivered again, and counts its deliveries."""
    await setup.issuer.issue(setup.ticket(), first=True)
    queue = setup.queue()
    await (await setup.take(queue)).release()
    assert (await setup.take(queue)).deliveries == 2


async def test_a_ticket_can_be_released_with_a_delay(setup: TicketSetup) -> None:
    """A ticket that is released with a delay is delivered after others that were issued later."""
    late, soon = setup.ticket(), setup.ticket()
    await setup.issuer.issue(late, first=True)
    queue = setup.queue()
    await (await setup.take(queue)).release(delay_seconds=0.7)
    await setup.issuer.issue(soon, first=True)
    assert [(await setup.take(queue)).ticket for _ in range(2)] == [soon, late]


class Extending:
    """Extends a ticket again and again, and knows the longest time between two extensions."""

    def __init__(self, held: HeldTicket) -> None:
        self._held = held
        self._last = monotonic()
        self.longest_pause = 0.0

    async def run(self) -> None:
        """Extend the ticket until this is cancelled."""
        while True:
            await self._held.extend()
            now = monotonic()
            self.longest_pause = max(self.longest_pause, now - self._last)
            self._last = now
            await asyncio.sleep(LOST_SECONDS / 5)

    def was_late(self) -> bool:
        """Return whether the ticket was not extended for long enough to be lost."""
        return max(self.longest_pause, monotonic() - self._last) >= LOST_SECONDS


@pytest.mark.parametrize("ack_wait_seconds", [LOST_SECONDS])
async def test_a_silent_worker_loses_its_ticket(setup: TicketSetup) -> None:
    """A ticket that is neither extended nor acknowledged is delivered to another worker; an extended one is not."""
    silent, extended = setup.ticket(), setup.ticket()
    one, other = setup.queue(), setup.queue()
    await setup.issuer.issue(extended, first=True)
    held = await setup.take(one)
    extending = Extending(held)
    async with background_task(extending.run()):
        await setup.issuer.issue(silent, first=True)
        taken = [await setup.take(one), await setup.take(other)]
        while [each.ticket for each in taken].count(silent) < 2 and extending.was_late():
            taken.append(await setup.take(other))  # the machine stood still for so long that it was lost too
    again = taken[-1]
    assert (again.ticket, again.deliveries) == (silent, 2)
    for each in (held, *(each for each in taken if each.ticket == extended)):
        await each.acknowledge()
    await setup.expect_outstanding(silent)


async def test_issuing_again_has_no_effect(setup: TicketSetup) -> None:
    """A ticket that is issued again while it is held is not delivered a second time."""
    ticket, next_one = setup.ticket(), setup.ticket()
    await setup.issuer.issue(ticket, first=True)
    await setup.issuer.issue(ticket, first=True)
    queue = setup.queue()
    held = await setup.take(queue)
    await setup.issuer.issue(ticket, first=True)
    await setup.issuer.issue(ticket)
    await setup.issuer.issue(next_one, first=True)
    assert (held.ticket, held.deliveries) == (ticket, 1)
    assert (await setup.take(queue)).ticket == next_one


async def test_a_later_ticket_replaces_an_earlier_one(setup: TicketSetup) -> None:
    """The ticket with the later position stays, whichever is issued first."""
    early = setup.ticket(position=5)
    late = replace(early, position=9, attempt=2)
    await setup.issuer.issue(early, first=True)
    await setup.issuer.issue(late)
    await setup.issuer.issue(early)
    await setup.expect_outstanding(late)
    assert (await setup.take(setup.queue())).ticket == late


async def test_a_held_ticket_can_be_replaced(setup: TicketSetup) -> None:
    """When a held ticket is replaced, the new one is delivered, and calls on the old one do not affect it."""
    early = setup.ticket(position=5)
    late = replace(early, position=9, attempt=2)
    await setup.issuer.issue(early, first=True)
    queue = setup.queue()
    old = await setup.take(queue)
    await setup.issuer.issue(late)
    await old.extend()
    await old.acknowledge()
    new = await setup.take(queue)
    assert (new.ticket, new.deliveries) == (late, 1)
    await setup.expect_outstanding(late)


async def test_a_ticket_moves_with_its_priority(setup: TicketSetup) -> None:
    """After a change of priority the queue holds one ticket, with the new priority."""
    low = setup.ticket(priority=Priority.LOW, position=5)
    critical = replace(low, priority=Priority.CRITICAL, position=6)
    await setup.issuer.issue(low, first=True)
    await setup.issuer.issue(critical)
    await setup.expect_outstanding(critical)
    queue = setup.queue()
    other = setup.ticket(priority=Priority.LOW)
    assert (await setup.take(queue)).ticket == critical
    await setup.issuer.issue(other, first=True)
    assert (await setup.take(queue)).ticket == other


async def test_withdrawing(setup: TicketSetup) -> None:
    """A withdrawn ticket is removed, the prefetch ticket too; withdrawing none, or a held one, is no error."""
    ticket = setup.ticket()
    await setup.issuer.withdraw(ticket.job_id)
    await setup.issuer.issue(ticket, first=True)
    held = await setup.take(setup.queue())
    await setup.issuer.issue(replace(ticket, prefetch=True), first=True)
    await setup.issuer.withdraw(ticket.job_id)
    await held.acknowledge()
    other = setup.ticket()
    await setup.issuer.issue(other, first=True)
    await setup.expect_outstanding(other)
    assert (await setup.take(setup.queue())).ticket == other


async def test_priorities_share_under_load(setup: TicketSetup) -> None:
    """With all priorities waiting, one worker takes eight critical, four high, two medium and one low of fifteen."""
    for priority in Priority:
        for _ in range(8):
            await setup.issuer.issue(setup.ticket(priority=priority), first=True)
    queue = setup.queue()
    taken = Counter([(await setup.take(queue)).ticket.priority for _ in range(15)])
    assert taken == {Priority.CRITICAL: 8, Priority.HIGH: 4, Priority.MEDIUM: 2, Priority.LOW: 1}


async def test_one_priority_is_first_come_first_served(setup: TicketSetup) -> None:
    """Tickets of one priority are delivered in the order of issue."""
    tickets = [setup.ticket() for _ in range(5)]
    for ticket in tickets:
        await setup.issuer.issue(ticket, first=True)
    queue = setup.queue()
    assert [(await setup.take(queue)).ticket for _ in tickets] == tickets


async def test_a_waiting_worker_takes_one_ticket_only(setup: TicketSetup) -> None:
    """A worker that waited at all lanes leaves the other tickets to other workers."""
    one, other = setup.queue(), setup.queue()
    taking = asyncio.create_task(setup.take(one))
    tickets = [setup.ticket(priority=priority) for priority in Priority]
    await asyncio.gather(*(setup.issuer.issue(ticket, first=True) for ticket in tickets))
    held = [await taking]
    held += [await setup.take(other) for _ in range(3)]
    assert {h.ticket.job_id for h in held} == {ticket.job_id for ticket in tickets}


async def test_cancelling_a_wait_loses_no_ticket(setup: TicketSetup) -> None:
    """A ticket that is issued while a wait is cancelled reaches another worker."""
    for _ in range(5):
        ticket = setup.ticket()
        taking = asyncio.create_task(setup.queue().take([setup.model_class]))
        issuing = asyncio.create_task(setup.issuer.issue(ticket, first=True))
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.gather(taking, issuing, return_exceptions=True)
        held = taking.result() if not taking.cancelled() else await setup.take(setup.queue())
        assert held.ticket == ticket
        await held.acknowledge()


async def test_a_worker_takes_only_what_it_can_run(setup: TicketSetup) -> None:
    """Tickets of other model classes are left to other workers."""
    foreign = setup.ticket(model_class=f"{setup.model_class}-big")
    own = setup.ticket()
    await setup.issuer.issue(foreign, first=True)
    await setup.issuer.issue(own, first=True)
    assert (await setup.take(setup.queue())).ticket == own
    both = setup.queue()
    async with asyncio.timeout(WAIT_SECONDS):
        held = await both.take([setup.model_class, foreign.model_class])
    assert held.ticket == foreign


async def test_a_prefetch_has_its_own_ticket(setup: TicketSetup) -> None:
    """A prefetch ticket is in the queue beside the job's own, and is not among the outstanding ones."""
    ticket = setup.ticket()
    prefetch = replace(ticket, position=8, prefetch=True)
    await setup.issuer.issue(ticket, first=True)
    await setup.issuer.issue(prefetch)
    await setup.expect_outstanding(ticket)
    queue = setup.queue()
    taken = [(await setup.take(queue)).ticket for _ in range(2)]
    assert {t.prefetch for t in taken} == {True, False}
    assert {t.job_id for t in taken} == {ticket.job_id}


async def test_closing_ends_a_wait(setup: TicketSetup) -> None:
    """Closing a queue ends its waits, and a ticket issued then reaches another worker."""
    queue = setup.queue()
    taking = asyncio.create_task(queue.take([setup.model_class]))
    await asyncio.sleep(0)
    await queue.close()
    with pytest.raises(QueueClosed):
        await taking
    ticket = setup.ticket()
    await setup.issuer.issue(ticket, first=True)
    assert (await setup.take(setup.queue())).ticket == ticket


async def test_many_tickets_are_listed(setup: TicketSetup) -> None:
    """The outstanding tickets are listed in full, however many there are."""
    tickets = [setup.ticket() for _ in range(2_100)]
    for start in range(0, len(tickets), 100):
        part = tickets[start : start + 100]
        await asyncio.gather(*(setup.issuer.issue(ticket, first=True) for ticket in part))
    await setup.expect_outstanding(*tickets)
