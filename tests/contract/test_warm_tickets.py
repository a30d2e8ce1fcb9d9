"""Which of several waiting workers gets a ticket: conformance of the ticket queues, and upgrades of their consumers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import api_request
from kinolog.adapters.jetstream.provision import provision, provision_queues
from kinolog.adapters.jetstream.queue.lane_consumers import LaneConsumers
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer, lane_info
from kinolog.adapters.jetstream.queue.ticket_queue import LANE_TOKENS, JetStreamTicketQueue
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ids import new_id
from kinolog.job.values import Priority
from kinolog.ports.tickets import COLDEST, LAST_RESORT, Coldness, HeldTicket
from kinolog.process.tasks import end_tasks
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.contract.ticket_queues import LOST_SECONDS, TicketSetup, ack_wait_seconds, setup
from tests.fixtures.log import connected
from tests.fixtures.waits import WAIT_SECONDS, until, until_true

__all__ = ["ack_wait_seconds", "setup"]  # fixtures

WARM, COLD = 0, 8


def coldness_of(number: int) -> Coldness:
    """Return the coldness of a worker that has this one for every class."""
    return lambda model_class: number


class WaitingWorker:
    """A worker that waits for a ticket."""

    def __init__(self, setup: TicketSetup, coldness: Coldness) -> None:
        self.queue = setup.queue()
        self.taking: asyncio.Task[HeldTicket] | None = None
        self._setup = setup
        self._coldness = coldness

    def wait(self) -> None:
        """Wait for a ticket."""
        self.taking = asyncio.create_task(self.queue.take([self._setup.model_class], self._coldness))

    @property
    def held(self) -> HeldTicket:
        """The ticket that arrived."""
        assert self.taking is not None
        return self.taking.result()


def _has_consumers(worker: WaitingWorker, model_class: str) -> bool:
    queue = worker.queue
    return isinstance(queue, JetStreamTicketQueue) and model_class in queue._consumers._created_at


async def _settled(setup: TicketSetup, workers: list[WaitingWorker]) -> None:
    """Wait until the requests of all workers wait at the server."""
    if isinstance(workers[0].queue, JetStreamTicketQueue):
        client = workers[0].queue._client
        consumer = subjects.work_consumer(setup.model_class, "2")

        async def waiting() -> int:
            if not any(_has_consumers(worker, setup.model_class) for worker in workers):
                return 0  # the server does not answer for a consumer that is being made
            info = await api_request(client, f"$JS.API.CONSUMER.INFO.{subjects.WORK}.{consumer}")
            return int(info["num_waiting"])

        await until(waiting, "all workers wait", lambda number: number == len(workers))
        return
    issuer = setup.issuer
    assert isinstance(issuer, MemoryTicketIssuer)
    await until_true(lambda: len(issuer.waiting) == len(workers), "all workers wait")


async def _first(workers: list[WaitingWorker]) -> WaitingWorker:
    """Return the worker that gets a ticket first."""
    async with asyncio.timeout(WAIT_SECONDS):
        tasks = [worker.taking for worker in workers if worker.taking is not None]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    (found,) = [worker for worker in workers if worker.taking is not None and worker.taking.done()]
    return found


class EarlierConsumers(LaneConsumers):
    """Consumers as kinolog 0.1 makes and uses them: without a policy, by requests without a priority."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, ("0", "1", "2", "3", "prefetch"), ack_wait_seconds=30.0, max_deliveries=10)

    def pull_options(self, coldness: int) -> dict[str, object]:
        return {}

    async def _create(self, model_class: str, lane: str, **policy: object) -> None:
        await super()._create(model_class, lane)


async def _consumer(client: Client) -> dict[str, Any]:
    """Return the state of the consumer of the model class `tiny` for medium priority."""
    name = subjects.work_consumer("tiny", Priority.MEDIUM.rank)
    return await api_request(client, f"$JS.API.CONSUMER.INFO.{subjects.WORK}.{name}")


async def _policy(client: Client) -> str:
    return str((await _consumer(client))["config"].get("priority_policy", ""))


async def _waiting(client: Client) -> int:
    return int((await _consumer(client))["num_waiting"])


async def test_a_warm_worker_gets_every_ticket_that_it_waits_for(setup: TicketSetup) -> None:
    """The cold one has waited for longer."""
    cold, warm = WaitingWorker(setup, coldness_of(COLD)), WaitingWorker(setup, coldness_of(WARM))
    cold.wait()
    await _settled(setup, [cold])
    for _ in range(20):
        warm.wait()
        await _settled(setup, [cold, warm])
        await setup.issuer.issue(setup.ticket(), first=True)
        assert await _first([cold, warm]) is warm
        await warm.held.acknowledge()
    await setup.issuer.issue(setup.ticket(), first=True)  # the warm one works now
    assert await _first([cold]) is cold


async def test_a_cold_worker_takes_what_no_warm_one_waits_for(setup: TicketSetup) -> None:
    """In the order of issue, alone and beside a warm one that works."""
    tickets = [setup.ticket() for _ in range(6)]
    for ticket in tickets:
        await setup.issuer.issue(ticket, first=True)
    warm, cold = setup.queue(), setup.queue()
    async with asyncio.timeout(WAIT_SECONDS):
        busy = await warm.take([setup.model_class], coldness_of(WARM))
        taken = [(await cold.take([setup.model_class], coldness_of(COLDEST))).ticket for _ in tickets[1:]]
    assert [busy.ticket, *taken] == tickets


async def test_a_released_ticket_goes_to_the_warmest(setup: TicketSetup) -> None:
    """It is how a cold worker passes a ticket on. The one that released it asks again at once."""
    releasing = setup.queue()
    await setup.issuer.issue(setup.ticket(), first=True)
    async with asyncio.timeout(WAIT_SECONDS):
        held = await releasing.take([setup.model_class], coldness_of(COLD))
    warm, cool = WaitingWorker(setup, coldness_of(1)), WaitingWorker(setup, coldness_of(4))
    cool.wait()
    warm.wait()
    await _settled(setup, [cool, warm])
    again = WaitingWorker(setup, coldness_of(COLDEST))
    await held.release()
    again.wait()
    assert await _first([warm, cool, again]) is warm
    await end_tasks([worker.taking for worker in (cool, again) if worker.taking is not None])


async def test_a_worker_waits_at_one_lane(setup: TicketSetup) -> None:
    """So does one whose device is used, for critical tickets. The other ones are left to others."""
    queue, lanes = setup.queue(), (Priority.CRITICAL.value,)
    other, critical = setup.ticket(), setup.ticket(priority=Priority.CRITICAL, goes_first=True)
    async with asyncio.timeout(WAIT_SECONDS):
        waiting = asyncio.create_task(queue.take([setup.model_class], coldness_of(LAST_RESORT), lanes))
        for ticket in (other, critical):
            await setup.issuer.issue(ticket, first=True)
        assert (await waiting).ticket == critical
        assert (await queue.take([setup.model_class])).ticket == other


@pytest.mark.parametrize("ack_wait_seconds", [LOST_SECONDS])
async def test_the_ticket_of_a_warm_worker_that_died_reaches_a_cold_one(setup: TicketSetup) -> None:
    """It is delivered again after the ack wait, whoever was warm."""
    warm, cold = WaitingWorker(setup, coldness_of(WARM)), WaitingWorker(setup, coldness_of(COLD))
    warm.wait()
    cold.wait()
    await _settled(setup, [warm, cold])
    ticket = setup.ticket()
    await setup.issuer.issue(ticket, first=True)
    tasks = [worker.taking for worker in (warm, cold) if worker.taking is not None]
    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.wait(tasks)  # the warm one is not heard of again
    assert [(worker.held.ticket, worker.held.deliveries) for worker in (warm, cold)] == [
        (ticket, 1),
        (ticket, 2),
    ]


async def test_queues_are_made_before_a_worker_serves_them(nats_server: NatsServer) -> None:
    """With the tickets that wait already. What a worker has set stays."""
    model_class = f"class-{new_id()[:8]}"
    async with (
        connected(nats_server, Service.ADMIN) as admin,
        connected(nats_server, Service.PROJECTOR) as projector,
        connected(nats_server, Service.WORKER) as worker,
    ):
        await provision(admin, 1)
        issuer, queue = JetStreamTicketIssuer(projector), JetStreamTicketQueue(worker, ack_wait_seconds=77.0)
        setup = TicketSetup(issuer, lambda: queue, model_class)
        ticket = setup.ticket()
        medium = subjects.work_consumer(model_class, ticket.priority.rank)
        try:
            await issuer.issue(ticket, first=True)
            made = await provision_queues(admin, [model_class])
            assert made == [subjects.work_consumer(model_class, lane) for lane in LANE_TOKENS]
            assert (await lane_info(admin, medium) or {})["num_pending"] == 1
            held = await setup.take(queue)
            assert held.ticket == ticket
            await held.acknowledge()
            assert await provision_queues(admin, [model_class]) == []
            assert (await lane_info(admin, medium) or {})["config"]["ack_wait"] == 77_000_000_000
        finally:
            await queue.close()
            await issuer.close()


async def test_consumers_of_an_earlier_version_keep_what_is_held(own_nats_server: NatsServer) -> None:
    """A worker of that version, which turns them back, and one of this version both get tickets all the time."""
    async with (
        connected(own_nats_server, Service.ADMIN) as admin,
        connected(own_nats_server, Service.PROJECTOR) as projector,
        connected(own_nats_server, Service.WORKER) as worker,
    ):
        await provision(admin, 1)
        issuer = JetStreamTicketIssuer(projector)
        old, new = JetStreamTicketQueue(worker), JetStreamTicketQueue(worker)
        old._consumers = EarlierConsumers(worker)
        setup = TicketSetup(issuer, lambda: new, "tiny")
        try:
            held_ticket, waiting_ticket = setup.ticket(), setup.ticket()
            await issuer.issue(held_ticket, first=True)
            held = await setup.take(old)
            await issuer.issue(waiting_ticket, first=True)
            taken = await setup.take(new)
            assert (taken.ticket, taken.deliveries) == (waiting_ticket, 1)
            assert await _policy(worker) == "prioritized"
            await held.acknowledge()
            await taken.acknowledge()
            await setup.expect_outstanding()
            waiting = asyncio.create_task(setup.take(new))
            await until(lambda: _waiting(worker), "the new worker waits", lambda number: number == 1)
            turning_back = asyncio.create_task(setup.take(old))
            await until(
                lambda: _policy(worker), "the old worker has its consumers", lambda policy: not policy
            )
            await until(lambda: _waiting(worker), "both wait", lambda number: number == 2)
            for _ in range(2):
                await issuer.issue(setup.ticket(), first=True)
            assert {(await each).deliveries for each in (waiting, turning_back)} == {1}
            waiting = asyncio.create_task(setup.take(new))
            await until(lambda: _waiting(worker), "the new worker waits", lambda number: number == 1)
            await issuer.issue(setup.ticket(), first=True)
            assert (await waiting).deliveries == 1
            assert not await _policy(worker)
            new._consumers.forget()  # as it does every few minutes
            await issuer.issue(setup.ticket(), first=True)
            await setup.take(new)
            assert await _policy(worker) == "prioritized"
        finally:
            for queue in (old, new):
                await queue.close()
            await issuer.close()
