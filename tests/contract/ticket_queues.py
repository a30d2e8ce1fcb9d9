"""An issuer and queues of workers of each kind, for the conformance of their tickets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer
from kinolog.adapters.jetstream.queue.ticket_queue import JetStreamTicketQueue
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ids import new_id
from kinolog.job.values import Priority
from kinolog.ports.tickets import HeldTicket, Ticket, TicketIssuer, TicketQueue
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.fixtures.log import connected, server_of, settings_of
from tests.fixtures.waits import WAIT_SECONDS, until

LOST_SECONDS = 1.0
"""An ack wait for tests in which a ticket is lost. In the others a slow machine must not lose one."""


@dataclass
class TicketSetup:
    """An issuer, queues of workers, and a model class that no other test uses."""

    issuer: TicketIssuer
    queue: Callable[[], TicketQueue]
    model_class: str

    def ticket(self, **changes: Any) -> Ticket:
        """Return a ticket of a new job."""
        ticket = Ticket(
            job_id=new_id(), position=7, attempt=1, model_class=self.model_class, priority=Priority.MEDIUM
        )
        return replace(ticket, **changes)

    async def take(self, queue: TicketQueue) -> HeldTicket:
        """Return the next ticket, which must arrive within `WAIT_SECONDS`."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await queue.take([self.model_class])

    async def expect_outstanding(self, *expected: Ticket) -> None:
        """Wait until the queue holds exactly these tickets of this test: the replica that answers may lag."""
        by_job = {ticket.job_id: ticket for ticket in expected}
        await until(self._outstanding, f"the tickets are {by_job}", lambda found: found == by_job)

    async def _outstanding(self) -> dict[str, Ticket]:
        found = await self.issuer.outstanding()
        return {job: ticket for job, ticket in found.items() if ticket.model_class == self.model_class}


@pytest.fixture
def ack_wait_seconds() -> float:
    """After so long a held ticket is delivered again."""
    return 10 * WAIT_SECONDS


@pytest.fixture(params=["memory", "one server", "three replicas"])
async def setup(request: pytest.FixtureRequest, ack_wait_seconds: float) -> AsyncIterator[TicketSetup]:
    """An issuer and queues of each kind."""
    model_class = f"class-{new_id()[:8]}"
    if request.param == "memory":
        memory = MemoryTicketIssuer(ack_wait_seconds)
        yield TicketSetup(memory, memory.queue, model_class)
        return
    server = server_of(request, request.param)
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(server, Service.ADMIN))
        projector = await stack.enter_async_context(connected(server, Service.PROJECTOR))
        worker = await stack.enter_async_context(connected(server, Service.WORKER))
        await provision(admin, settings_of(server, Service.ADMIN).nats_replicas)
        issuer = JetStreamTicketIssuer(projector)
        stack.push_async_callback(issuer.close)

        def queue() -> TicketQueue:
            made = JetStreamTicketQueue(worker, ack_wait_seconds=ack_wait_seconds)
            stack.push_async_callback(made.close)
            return made

        yield TicketSetup(issuer, queue, model_class)
