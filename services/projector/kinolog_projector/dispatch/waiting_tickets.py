"""Tickets of jobs whose time to start has not come. The queue stores them beside their lanes, as deferred ones."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from math import inf

from kinolog.grouped_calls import GroupedCalls, GroupLimits
from kinolog.ports.clock import Clock
from kinolog.ports.tickets import StoredTicket, Ticket, TicketLanes

ONE_AT_A_TIME = GroupLimits(max_single_calls=1, max_group_size=500)


class WaitingTickets:
    """Knows when the time of each waiting ticket comes. Nothing happens until then, whatever their number.

    Times are those of `clock`. What this process knows is read from the queue again when it starts.
    """

    def __init__(self, lanes: TicketLanes, clock: Clock, lock: asyncio.Lock) -> None:
        """`lock` is held while tickets are stored: no reading of the queue misses one."""
        self._lanes = lanes
        self._clock = clock
        self._lock = lock
        self._tickets: dict[str, StoredTicket] = {}
        self._times: list[tuple[datetime, str]] = []
        """A heap of the times. Those of tickets that are gone, or wait for another time, are skipped."""
        self._arrivals = GroupedCalls(self._store_one, self._store, ONE_AT_A_TIME)

    def __len__(self) -> int:
        return len(self._tickets)

    def is_early(self, ticket: Ticket) -> bool:
        """Return whether the time of a ticket is still to come."""
        return ticket.not_before is not None and ticket.not_before > self._clock()

    def stored(self, job_id: str) -> StoredTicket | None:
        """Return the waiting ticket of a job; None if it has none."""
        return self._tickets.get(job_id)

    async def add(self, ticket: Ticket) -> None:
        """Store a ticket until its time comes. Raises `LogUnavailable`: call again."""
        await self._arrivals.submit(ticket)

    def forget(self, job_id: str) -> None:
        """Forget the ticket of a job, which the caller removes or puts elsewhere."""
        self._tickets.pop(job_id, None)

    def adopt(self, stored: Iterable[StoredTicket]) -> None:
        """Know these tickets, which the queue stores, and no others."""
        self._tickets, self._times = {}, []
        for each in stored:
            self._keep(each)

    def due(self) -> list[StoredTicket]:
        """Return the tickets whose time has come, the earliest first. They stay until they are taken."""
        now, found = self._clock(), dict[str, StoredTicket]()
        while self._times and self._times[0][0] <= now:
            at, job_id = heapq.heappop(self._times)
            stored = self._tickets.get(job_id)
            if stored is not None and stored.ticket.not_before == at:
                found[job_id] = stored
        for each in found.values():
            self._await(each)
        return list(found.values())

    def take(self, stored: Iterable[StoredTicket]) -> list[StoredTicket]:
        """Forget tickets, which the caller puts elsewhere. Return those that still wait."""
        still = [each for each in stored if self._tickets.get(each.ticket.job_id) == each]
        for each in still:
            self.forget(each.ticket.job_id)
        return still

    def seconds_left(self) -> float:
        """Return how long it is until the next time comes, at least 0; infinity without a ticket."""
        if not self._times:
            return inf
        return max(0.0, (self._times[0][0] - self._clock()).total_seconds())

    async def close(self) -> None:
        """Finish the writes that have started."""
        await self._arrivals.close()

    async def _store_one(self, ticket: Ticket) -> None:
        await self._store([ticket])

    async def _store(self, tickets: Sequence[Ticket]) -> list[None]:
        waiting = [StoredTicket(ticket=ticket, number=0, deferred=True) for ticket in tickets]
        async with self._lock:
            numbers = await self._lanes.put(waiting, deferred=True)
            for each, number in zip(waiting, numbers, strict=True):
                self._keep(replace(each, number=number))
        return [None] * len(tickets)

    def _keep(self, stored: StoredTicket) -> None:
        self._tickets[stored.ticket.job_id] = stored
        self._await(stored)

    def _await(self, stored: StoredTicket) -> None:
        if stored.ticket.not_before is not None:
            heapq.heappush(self._times, (stored.ticket.not_before, stored.ticket.job_id))
