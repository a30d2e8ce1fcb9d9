"""Issues tickets so that tenants share the workers within each priority."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from kinolog.job.values import Priority
from kinolog.ports.clock import Clock, system_clock
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import StoredTicket, Ticket, TicketIssuer, TicketLanes
from kinolog.ports.workers import WorkerRegistry
from kinolog.process.probe import Metric
from kinolog.scheduling.tenant_turns import Weight
from kinolog.scheduling.turn_order import lane_window
from kinolog_projector.dispatch.fair_lane import FairLane
from kinolog_projector.dispatch.waiting_tickets import WaitingTickets

logger = logging.getLogger(__name__)

SHORTEST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5
"""Pauses between two looks at lanes with deferred tickets. They follow the speed at which workers take tickets."""

WORKERS_SECONDS = 5.0
"""How often the workers are counted while tickets are deferred."""


class LanePauses(Protocol):
    """Which lanes are paused. No ticket is put into a lane before that is `known`."""

    known: asyncio.Event

    def is_paused(self, priority: Priority) -> bool:
        """Return whether jobs of a priority do not start."""
        ...


class FairTicketIssuer:
    """A ticket issuer that puts the tickets of jobs into their lanes in the order of the tenants' turns.

    Tickets for later attempts, and those of prefetches, are issued without a turn. That of a job that was interrupted
    is put before all others of its lane. A ticket whose time to start has not come waits beside its lane until then.

    While a lane is paused, all its tickets wait beside it.

    What this knows follows from the queue: it is read at the start, and whenever `outstanding` is called. Several
    processes may issue tickets; each orders its own.
    """

    def __init__(
        self,
        issuer: TicketIssuer,
        lanes: TicketLanes,
        workers: WorkerRegistry,
        weight: Weight,
        clock: Clock = system_clock,
        pauses: LanePauses | None = None,
    ) -> None:
        self._pauses = pauses
        self._issuer = issuer
        self._tickets = lanes
        self._workers = workers
        self._weight = weight
        self._lanes: dict[tuple[str, Priority], FairLane] = {}
        self._lock = asyncio.Lock()
        self._waiting = WaitingTickets(lanes, clock, self._lock)
        self._left: list[StoredTicket] = []
        """Tickets that are in their lanes and are still to be removed from where they waited."""
        self._read = False
        self._noted_pauses: frozenset[Priority] = frozenset()
        """The paused priorities whose lanes were read since they are paused."""
        self._worker_count = 0
        self._deferred = asyncio.Event()
        """Set when a ticket was deferred, or waits for a moment."""

    async def issue(self, ticket: Ticket, *, first: bool = False) -> None:
        if ticket.prefetch:
            await self._issuer.issue(ticket, first=first)
            return
        await self._read_once()
        own, (earlier_lane, known) = self._lane(ticket), self._known(ticket.job_id)
        if known is not None and known.number and known.ticket.position >= ticket.position:
            return
        if self._waiting.is_early(ticket):
            await self._wait(ticket, earlier_lane, known)
        elif ticket.attempt > 1 and self._is_paused(ticket):
            await self._move(known, earlier_lane, replace(ticket, goes_first=True))  # it had its turn
        elif ticket.goes_first:
            await self._move(known, earlier_lane, ticket)
        elif ticket.attempt > 1:
            if earlier_lane is not None:
                earlier_lane.forget(ticket.job_id)
            self._waiting.forget(ticket.job_id)
            await self._issuer.issue(ticket)
            own.charge(ticket.tenant)
            self._noted_pauses -= {ticket.priority}  # it may have been paused meanwhile
        elif (
            known is None
            and not first
            and not self._is_paused(ticket)
            and await self._tickets.has_ticket(ticket)
        ):
            await self._issuer.issue(ticket)  # a worker holds the earlier one
        elif known is None or earlier_lane is own:
            await self._place(own, ticket)
        else:
            await self._move(known, earlier_lane, ticket)

    async def withdraw(self, job_id: str) -> None:
        for lane in self._lanes.values():
            lane.forget(job_id)
        self._waiting.forget(job_id)
        await self._issuer.withdraw(job_id)

    async def undeliverable(self) -> set[str]:
        return await self._issuer.undeliverable()

    async def outstanding(self) -> dict[str, Ticket]:
        found: dict[str, Ticket] = {}
        for stored in await self._read_stored():
            known = found.get(stored.ticket.job_id)
            if known is None or known.position <= stored.ticket.position:
                found[stored.ticket.job_id] = stored.ticket
        return found

    async def run(self) -> None:
        """Refill the lanes as workers take tickets, and as their times come, until cancelled."""
        loop = asyncio.get_running_loop()
        pause, workers_at, left = LONGEST_PAUSE_SECONDS, loop.time(), LONGEST_PAUSE_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pause, max(left, SHORTEST_PAUSE_SECONDS))):
                    await self._deferred.wait()
            self._deferred.clear()
            left = LONGEST_PAUSE_SECONDS
            try:
                await self._read_once()
                await self._release_due()
                await self._read_paused()
                unfinished = [lane for lane in self._lanes.values() if lane.unfinished]
                if unfinished and loop.time() >= workers_at:
                    self._worker_count = len(await self._workers.present_workers())
                    workers_at = loop.time() + WORKERS_SECONDS
                ran_low = [await lane.refill() for lane in unfinished]
            except LogUnavailable as unavailable:
                logger.debug("deferred tickets wait for the queue: %s", unavailable)
                pause = LONGEST_PAUSE_SECONDS
                continue
            pause = SHORTEST_PAUSE_SECONDS if any(ran_low) else min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            left = self._waiting.seconds_left()

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        return [
            Metric(
                name="kinolog_dispatch_deferred_tickets",
                value=sum(lane.deferred for lane in self._lanes.values()),
                help="Tickets of queued jobs that wait beside their lane for the turn of their tenant.",
                kind="gauge",
            ),
            Metric(
                name="kinolog_dispatch_waiting_tickets",
                value=len(self._waiting),
                help="Tickets of queued jobs whose time to start has not come.",
                kind="gauge",
            ),
        ]

    async def close(self) -> None:
        """Finish the writes that have started."""
        await self._waiting.close()
        for lane in self._lanes.values():
            await lane.close()

    def _known(self, job_id: str) -> tuple[FairLane | None, StoredTicket | None]:
        """Return the lane that knows the ticket of a job, and the ticket; None for both if none does."""
        for lane in self._lanes.values():
            stored = lane.stored(job_id)
            if stored is not None:
                return lane, stored
        return None, self._waiting.stored(job_id)

    async def _wait(self, ticket: Ticket, earlier_lane: FairLane | None, known: StoredTicket | None) -> None:
        """Let a ticket wait for its time, instead of one that is in a lane or waits for another time."""
        if earlier_lane is not None:
            earlier_lane.forget(ticket.job_id)
        await self._waiting.add(ticket)
        if known is not None and known.number:
            await self._tickets.remove([known])
        if self._waiting.seconds_left() < LONGEST_PAUSE_SECONDS:
            self._deferred.set()

    async def _release_due(self) -> None:
        """Put the tickets whose time has come into their lanes, first ones as the turns say. Raises `LogUnavailable`.

        Until a ticket is in its lane it stays where it waits.
        """
        due = self._waiting.due()
        first: dict[FairLane, list[StoredTicket]] = {}
        later: list[StoredTicket] = []
        for each in due:
            ticket = each.ticket
            if ticket.attempt > 1 and not ticket.goes_first and not self._is_paused(ticket):
                later.append(each)
            else:
                first.setdefault(self._lane(ticket), []).append(each)
        for lane, stored in first.items():
            await lane.admit(partial(self._waiting.take, stored))
        if later:
            await self._tickets.put([replace(each, number=0) for each in later], deferred=False)
            self._left += later
            self._noted_pauses -= {each.ticket.priority for each in later}
            for each in self._waiting.take(later):
                self._lane(each.ticket).charge(each.ticket.tenant)
        if self._left:
            await self._tickets.remove(self._left)
            self._left.clear()

    async def _place(self, lane: FairLane, ticket: Ticket) -> None:
        await lane.place(ticket)
        if lane.unfinished:
            self._deferred.set()

    async def _move(self, known: StoredTicket | None, earlier_lane: FairLane | None, ticket: Ticket) -> None:
        """Place a ticket instead of one in another place, if there is one."""
        if earlier_lane is not None:
            earlier_lane.forget(ticket.job_id)
        self._waiting.forget(ticket.job_id)
        await self._place(self._lane(ticket), ticket)
        if known is not None and known.number:
            await self._tickets.remove([known])

    def _lane(self, ticket: Ticket) -> FairLane:
        key = (ticket.model_class, ticket.priority)
        if key not in self._lanes:
            self._lanes[key] = FairLane(
                *key,
                self._tickets,
                weight=self._weight,
                window=lambda: lane_window(self._worker_count),
                lock=self._lock,
                is_paused=partial(self._is_paused, ticket),
            )
        return self._lanes[key]

    def _is_paused(self, ticket: Ticket) -> bool:
        return self._pauses is not None and self._pauses.is_paused(ticket.priority)

    async def _read_once(self) -> None:
        if not self._read:
            await self._read_stored()

    async def _read_paused(self) -> None:
        """Read the queue if a lane was paused: it may hold tickets of later attempts, which it was not told of."""
        pauses = self._pauses
        if pauses is None:
            return
        paused = frozenset(filter(pauses.is_paused, Priority))
        noted = self._noted_pauses
        self._noted_pauses = paused  # a ticket that comes during the reading changes it
        if paused <= noted:
            return
        try:
            await self._read_stored()
        except BaseException:
            self._noted_pauses = frozenset()
            raise

    async def _read_stored(self) -> list[StoredTicket]:
        """Read all tickets of the queue, and let each lane know its own."""
        if self._pauses is not None:
            await self._pauses.known.wait()
        async with self._lock:
            stored = await self._tickets.stored()
            by_lane: dict[FairLane, list[StoredTicket]] = {lane: [] for lane in self._lanes.values()}
            waiting = [each for each in stored if each.deferred and self._waiting.is_early(each.ticket)]
            self._waiting.adopt(waiting)
            for each in stored:
                if self._waiting.stored(each.ticket.job_id) != each and each not in self._left:
                    by_lane.setdefault(self._lane(each.ticket), []).append(each)
            for lane, tickets in by_lane.items():
                await lane.adopt(tickets)
            self._read = True
        return stored
