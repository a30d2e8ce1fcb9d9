"""A fair issuer over a queue in memory, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count

from kinolog_projector.dispatch.fair_issuer import FairTicketIssuer

from kinolog.job.values import Priority
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import HeldTicket, StoredTicket, Ticket
from tests.adapters.memory.ticket_lanes import MemoryTicketLanes
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.adapters.memory.workers import MemoryWorkerRegistry
from tests.fixtures.waits import WAIT_SECONDS


class UnreachableLanes(MemoryTicketLanes):
    """Lanes that fail when the test says so. `fails` names the methods, `failures` counts their calls."""

    def __init__(self, issuer: MemoryTicketIssuer) -> None:
        super().__init__(issuer)
        self.fails: set[str] = set()
        self.failures = 0

    async def put(self, tickets: Sequence[StoredTicket], *, deferred: bool) -> list[int]:
        """Store the tickets unless puts fail."""
        self._fail("put deferred" if deferred else "put")
        return await super().put(tickets, deferred=deferred)

    async def remove(self, tickets: Sequence[StoredTicket]) -> None:
        """Remove the tickets unless removals fail."""
        self._fail("remove")
        await super().remove(tickets)

    def _fail(self, method: str) -> None:
        if method in self.fails:
            self.failures += 1
            raise LogUnavailable(method)


class PausedPriorities:
    """Lanes that the test pauses."""

    def __init__(self) -> None:
        self.known = asyncio.Event()
        self.known.set()
        self.paused: set[Priority] = set()

    def is_paused(self, priority: Priority) -> bool:
        """Return whether the test has paused the lane."""
        return priority in self.paused


class FairQueue:
    """A queue in memory whose tickets a fair issuer puts into order."""

    def __init__(self) -> None:
        self.memory = MemoryTicketIssuer()
        self.lanes = UnreachableLanes(self.memory)
        self.weights: dict[str, float] = {}
        self.pauses = PausedPriorities()
        self.issuer = self.restarted()
        self.worker = self.memory.queue()
        self._positions = count(1)

    def restarted(self) -> FairTicketIssuer:
        """Return another issuer of the same queue, which knows nothing yet."""
        return FairTicketIssuer(
            self.memory,
            self.lanes,
            MemoryWorkerRegistry(),
            lambda tenant: self.weights.get(tenant, 1.0),
            self.clock,
            self.pauses,
        )

    def clock(self) -> datetime:
        """The time by which tickets wait."""
        return datetime.now(UTC)

    def ticket(self, job_id: str, priority: Priority = Priority.MEDIUM) -> Ticket:
        """Return the first ticket of a job, whose tenant is in front of the dash."""
        return Ticket(
            job_id=job_id,
            position=next(self._positions),
            attempt=1,
            model_class="tiny",
            priority=priority,
            tenant=job_id.split("-")[0],
        )

    async def submit(self, tenant: str, jobs: int, start: int = 0) -> None:
        """Issue first tickets at once, as the dispatcher does for the commits of a batch."""
        tickets = [self.ticket(f"{tenant}-{number}") for number in range(start, start + jobs)]
        await asyncio.gather(*(self.issuer.issue(ticket, first=True) for ticket in tickets))

    async def take(self) -> HeldTicket:
        """Take a ticket as a worker does."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.worker.take(["tiny"])

    async def render(self, jobs: int) -> list[str]:
        """Take and acknowledge tickets one after the other. Return the jobs."""
        done: list[str] = []
        for _ in range(jobs):
            held = await self.take()
            done.append(held.ticket.job_id)
            await held.acknowledge()
        return done

    def in_lane(self) -> list[str]:
        """Return the jobs of the lanes, in order."""
        return [queued.ticket.job_id for queued in sorted(self.memory.queued.values(), key=lambda q: q.order)]
