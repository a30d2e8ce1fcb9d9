"""The tickets in lanes one by one in memory, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kinolog.job.values import Priority
from kinolog.ports.tickets import LaneProgress, StoredTicket, Ticket
from tests.adapters.memory.tickets import MemoryTicketIssuer, TicketKey


class MemoryTicketLanes:
    """Stores the tickets of lanes in a memory issuer, where queues find them, and deferred ones beside it."""

    def __init__(self, issuer: MemoryTicketIssuer) -> None:
        self._issuer = issuer
        self._deferred = issuer.deferred
        self.puts = 0
        """How many tickets were stored."""

    async def stored(self) -> list[StoredTicket]:
        in_lanes = [
            StoredTicket(ticket=queued.ticket, number=queued.order)
            for (_, prefetch), queued in self._issuer.queued.items()
            if not prefetch
        ]
        return sorted((*in_lanes, *self._deferred.values()), key=lambda each: each.number)

    async def has_ticket(self, ticket: Ticket) -> bool:
        return ticket.job_id in self._deferred or (ticket.job_id, False) in self._issuer.queued

    async def progress(self, model_class: str, priority: Priority) -> LaneProgress | None:
        if model_class not in self._issuer.served:
            return None
        lane = [
            queued
            for queued in self._issuer.queued.values()
            if (queued.ticket.model_class, queued.ticket.priority) == (model_class, priority)
            and not queued.ticket.prefetch
        ]
        untaken = [queued for queued in lane if not queued.deliveries]
        first_untaken = min((queued.order for queued in untaken), default=self._issuer.last_order + 1)
        return LaneProgress(taken=first_untaken - 1, untaken=len(untaken))

    async def put(self, tickets: Sequence[StoredTicket], *, deferred: bool) -> list[int]:
        return [await self._put(each, deferred=deferred) for each in tickets]

    async def remove(self, tickets: Sequence[StoredTicket]) -> None:
        for each in tickets:
            if self._number(each.ticket, deferred=each.deferred) <= each.number:
                if each.deferred:
                    self._deferred.pop(each.ticket.job_id, None)
                else:
                    self._issuer.queued.pop((each.ticket.job_id, False), None)

    async def _put(self, each: StoredTicket, *, deferred: bool) -> int:
        number, ticket = self._number(each.ticket, deferred=deferred), each.ticket
        if each.number and not number:
            return 0
        if number and number != each.number and self._ticket(ticket, deferred).position >= ticket.position:
            return number
        self.puts += 1
        if deferred:
            self._issuer.last_order += 1
            number = self._issuer.last_order
            self._deferred[ticket.job_id] = replace(each, number=number, deferred=True)
            return number
        key: TicketKey = (ticket.job_id, False)
        self._issuer.queued.pop(key, None)
        await self._issuer.issue(ticket, first=True)
        return self._issuer.queued[key].order

    def _ticket(self, ticket: Ticket, deferred: bool) -> Ticket:
        if deferred:
            return self._deferred[ticket.job_id].ticket
        return self._issuer.queued[ticket.job_id, False].ticket

    def _number(self, ticket: Ticket, *, deferred: bool) -> int:
        if deferred:
            known = self._deferred.get(ticket.job_id)
            return known.number if known is not None else 0
        queued = self._issuer.queued.get((ticket.job_id, False))
        return queued.order if queued is not None else 0
