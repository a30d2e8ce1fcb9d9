"""Tickets in memory, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from kinolog.ports.tickets import Coldness, QueueClosed, StoredTicket, Ticket, no_coldness
from kinolog.scheduling.lane_choice import LANES, PREFETCH_LANE, LaneChoice

TicketKey = tuple[str, bool]
"""The job of a ticket, and whether it is one of a prefetch."""


@dataclass(slots=True, eq=False)
class _QueuedTicket:
    """A ticket in the queue. It is not delivered before `free_at`; a delivery voids the earlier ones."""

    ticket: Ticket
    order: int
    free_at: float = 0.0
    deliveries: int = 0


class MemoryTicketIssuer:
    """Stores tickets in a dictionary. `queue()` returns the queue of one worker."""

    def __init__(self, ack_wait_seconds: float = 30.0, now: Callable[[], float] = time.monotonic) -> None:
        self.ack_wait_seconds = ack_wait_seconds
        self.now = now
        self.queued: dict[TicketKey, _QueuedTicket] = {}
        self.changed = asyncio.Condition()
        self.changes = 0
        self.waiting: dict[MemoryTicketQueue, tuple[Sequence[str], Coldness, Collection[str]]] = {}
        self.deferred: dict[str, StoredTicket] = {}
        self.served: set[str] = set()
        """Model classes that a queue was asked for."""
        self.last_order = 0

    async def issue(self, ticket: Ticket, *, first: bool = False) -> None:
        key = (ticket.job_id, ticket.prefetch)
        queued = self.queued.get(key)
        if queued is not None and queued.ticket.position >= ticket.position:
            return
        deferred = None if ticket.prefetch else self.deferred.get(ticket.job_id)
        if deferred is not None and deferred.ticket.position >= ticket.position and not first:
            return
        self.last_order += 1
        self.queued[key] = _QueuedTicket(ticket, self.last_order)
        if deferred is not None and deferred.ticket.position < ticket.position:
            del self.deferred[ticket.job_id]
        await self.notify()

    async def withdraw(self, job_id: str) -> None:
        self.queued.pop((job_id, False), None)
        self.queued.pop((job_id, True), None)
        self.deferred.pop(job_id, None)

    async def outstanding(self) -> dict[str, Ticket]:
        deferred = {job_id: stored.ticket for job_id, stored in self.deferred.items()}
        in_lanes = {
            job_id: queued.ticket for (job_id, prefetch), queued in self.queued.items() if not prefetch
        }
        return deferred | in_lanes

    async def undeliverable(self) -> set[str]:
        return set()

    def queue(self, choice: LaneChoice | None = None) -> MemoryTicketQueue:
        """Return the queue of one worker."""
        return MemoryTicketQueue(self, choice or LaneChoice())

    async def notify(self) -> None:
        """Wake every queue that waits for a ticket."""
        self.changes += 1
        async with self.changed:
            self.changed.notify_all()


class MemoryHeldTicket:
    """One delivery of a ticket."""

    def __init__(self, issuer: MemoryTicketIssuer, queued: _QueuedTicket) -> None:
        self._issuer = issuer
        self._queued = queued
        self._deliveries = queued.deliveries

    @property
    def ticket(self) -> Ticket:
        return self._queued.ticket

    @property
    def deliveries(self) -> int:
        return self._deliveries

    @property
    def receipt(self) -> str:
        return f"{self.ticket.job_id} {self.ticket.prefetch} {self._deliveries}"

    async def extend(self) -> None:
        if self._deliveries == self._queued.deliveries:
            self._queued.free_at = self._issuer.now() + self._issuer.ack_wait_seconds

    async def acknowledge(self) -> None:
        key = (self.ticket.job_id, self.ticket.prefetch)
        if self._issuer.queued.get(key) is self._queued:
            del self._issuer.queued[key]

    async def release(self, delay_seconds: float = 0.0) -> None:
        if self._deliveries == self._queued.deliveries:
            self._queued.free_at = self._issuer.now() + delay_seconds
            await self._issuer.notify()


class MemoryTicketQueue:
    """Takes tickets for one worker."""

    def __init__(self, issuer: MemoryTicketIssuer, choice: LaneChoice) -> None:
        self._issuer = issuer
        self._choice = choice
        self._closed = False

    async def take(
        self,
        model_classes: Sequence[str],
        coldness: Coldness = no_coldness,
        lanes: Collection[str] = LANES,
    ) -> MemoryHeldTicket:
        self._issuer.served.update(model_classes)
        try:
            while not self._closed:
                seen = self._issuer.changes
                queued = self._next(model_classes, coldness, lanes)
                if queued is not None:
                    queued.deliveries += 1
                    queued.free_at = self._issuer.now() + self._issuer.ack_wait_seconds
                    return MemoryHeldTicket(self._issuer, queued)
                self._issuer.waiting[self] = (model_classes, coldness, lanes)
                await self._wait(seen)
            raise QueueClosed
        finally:
            if self._issuer.waiting.pop(self, None):
                await self._issuer.notify()  # colder ones may take what was left to this one

    async def give_back(self, receipt: str) -> None:
        for queued in self._issuer.queued.values():
            held = MemoryHeldTicket(self._issuer, queued)
            if held.receipt == receipt:
                await held.release()

    async def close(self) -> None:
        self._closed = True
        await self._issuer.notify()

    def _next(
        self, model_classes: Sequence[str], coldness: Coldness, lanes: Collection[str]
    ) -> _QueuedTicket | None:
        now = self._issuer.now()
        free = [
            queued
            for queued in self._issuer.queued.values()
            if queued.free_at <= now
            and queued.ticket.model_class in model_classes
            and _lane(queued.ticket) in lanes
            and not self._is_for_a_warmer_one(queued.ticket, coldness)
        ]
        for lane in filter(lanes.__contains__, self._choice.order(now)):
            waiting = [queued for queued in free if _lane(queued.ticket) == lane]
            if waiting:
                self._choice.record_served(lane, now)
                return min(waiting, key=lambda queued: queued.order)
            self._choice.record_empty(lane, now)
        return None

    def _is_for_a_warmer_one(self, ticket: Ticket, coldness: Coldness) -> bool:
        model_class, lane = ticket.model_class, _lane(ticket)
        return any(
            model_class in classes and lane in lanes and theirs(model_class) < coldness(model_class)
            for classes, theirs, lanes in self._issuer.waiting.values()
        )

    async def _wait(self, seen: int) -> None:
        """Wait for a change after the number `seen`, or until the next ticket is free."""
        now = self._issuer.now()
        coming = [queued.free_at - now for queued in self._issuer.queued.values() if queued.free_at > now]
        try:
            async with asyncio.timeout(min(coming, default=None)), self._issuer.changed:
                await self._issuer.changed.wait_for(lambda: self._issuer.changes != seen)
        except TimeoutError:
            return


def _lane(ticket: Ticket) -> str:
    return PREFETCH_LANE if ticket.prefetch else ticket.priority.value
