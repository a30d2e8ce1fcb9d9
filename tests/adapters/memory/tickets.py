"""Tickets in memory: for tests and for trying things out. Nothing outlives the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kinolog.ports.tickets import QueueClosed, Ticket
from kinolog.scheduling.lane_choice import PREFETCH_LANE, LaneChoice

_Place = tuple[str, bool]


@dataclass(slots=True, eq=False)
class _QueuedTicket:
    """A ticket in the queue. It is not handed out before `free_at`; every delivery makes earlier ones void."""

    ticket: Ticket
    order: int
    free_at: float = 0.0
    deliveries: int = 0


class MemoryTicketIssuer:
    """Keeps tickets in a dictionary. `queue()` makes the queue of one worker."""

    def __init__(self, ack_wait_seconds: float = 30.0, now: Callable[[], float] = time.monotonic) -> None:
        self.ack_wait_seconds = ack_wait_seconds
        self.now = now
        self.lying: dict[_Place, _QueuedTicket] = {}
        self.changed = asyncio.Condition()
        self.changes = 0
        self._issued = 0

    async def issue(self, ticket: Ticket, *, first: bool = False) -> None:
        place = (ticket.job_id, ticket.prefetch)
        lying = self.lying.get(place)
        if lying is not None and lying.ticket.position >= ticket.position:
            return
        self._issued += 1
        self.lying[place] = _QueuedTicket(ticket, self._issued)
        await self.tell()

    async def withdraw(self, job_id: str) -> None:
        self.lying.pop((job_id, False), None)
        self.lying.pop((job_id, True), None)

    async def outstanding(self) -> dict[str, Ticket]:
        return {job_id: lying.ticket for (job_id, prefetch), lying in self.lying.items() if not prefetch}

    def queue(self, choice: LaneChoice | None = None) -> MemoryTicketQueue:
        """The queue as one worker sees it."""
        return MemoryTicketQueue(self, choice or LaneChoice())

    async def tell(self) -> None:
        """Wake up everybody who waits for a ticket."""
        self.changes += 1
        async with self.changed:
            self.changed.notify_all()


class MemoryHeldTicket:
    """One delivery of a ticket."""

    def __init__(self, office: MemoryTicketIssuer, lying: _QueuedTicket) -> None:
        self._office = office
        self._lying = lying
        self._deliveries = lying.deliveries

    @property
    def ticket(self) -> Ticket:
        return self._lying.ticket

    @property
    def deliveries(self) -> int:
        return self._deliveries

    async def extend(self) -> None:
        if self._deliveries == self._lying.deliveries:
            self._lying.free_at = self._office.now() + self._office.ack_wait_seconds

    async def acknowledge(self) -> None:
        place = (self.ticket.job_id, self.ticket.prefetch)
        if self._office.lying.get(place) is self._lying:
            del self._office.lying[place]

    async def release(self, delay_seconds: float = 0.0) -> None:
        if self._deliveries == self._lying.deliveries:
            self._lying.free_at = self._office.now() + delay_seconds
            await self._office.tell()


class MemoryTicketQueue:
    """Takes tickets for one worker."""

    def __init__(self, office: MemoryTicketIssuer, choice: LaneChoice) -> None:
        self._office = office
        self._choice = choice
        self._closed = False

    async def take(self, model_classes: Sequence[str]) -> MemoryHeldTicket:
        while not self._closed:
            seen = self._office.changes
            lying = self._next(model_classes)
            if lying is not None:
                lying.deliveries += 1
                lying.free_at = self._office.now() + self._office.ack_wait_seconds
                return MemoryHeldTicket(self._office, lying)
            await self._wait(seen)
        raise QueueClosed

    async def close(self) -> None:
        self._closed = True
        await self._office.tell()

    def _next(self, model_classes: Sequence[str]) -> _QueuedTicket | None:
        now = self._office.now()
        free = [
            lying
            for lying in self._office.lying.values()
            if lying.free_at <= now and lying.ticket.model_class in model_classes
        ]
        for lane in self._choice.order(now):
            waiting = [lying for lying in free if _lane(lying.ticket) == lane]
            if waiting:
                self._choice.served(lane, now)
                return min(waiting, key=lambda lying: lying.order)
            self._choice.found_empty(lane, now)
        return None

    async def _wait(self, seen: int) -> None:
        """Wait until something has changed since `seen`, or the next ticket comes free."""
        now = self._office.now()
        coming = [lying.free_at - now for lying in self._office.lying.values() if lying.free_at > now]
        try:
            async with asyncio.timeout(min(coming, default=None)), self._office.changed:
                await self._office.changed.wait_for(lambda: self._office.changes != seen)
        except TimeoutError:
            return


def _lane(ticket: Ticket) -> str:
    return PREFETCH_LANE if ticket.prefetch else ticket.priority.value
