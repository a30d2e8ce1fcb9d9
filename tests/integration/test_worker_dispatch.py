"""The dispatch on a real server: from a stored commit to a ticket that a worker holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.fair_issuer import FairTicketIssuer
from kinolog_projector.dispatch.poison_tickets import MAX_ROUNDS, PoisonTicketHandler
from kinolog_projector.dispatch.reconciler import Reconciler, UnfinishedJob, UnfinishedJobs
from kinolog_projector.dispatch.rules import TICKET_EVENTS, ticket_of
from kinolog_projector.dispatch.run import run_dispatch
from kinolog_projector.dispatch.start_deadlines import StartDeadlines
from nats.aio.client import Client

from kinolog.adapters.jetstream.client.api_request import api_request
from kinolog.adapters.jetstream.log.commit_feed import JetStreamCommitFeed
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.queue.advisories import JetStreamAdvisoryFeed
from kinolog.adapters.jetstream.queue.ticket_issuer import JetStreamTicketIssuer
from kinolog.adapters.jetstream.queue.ticket_lanes import JetStreamTicketLanes
from kinolog.adapters.jetstream.queue.ticket_queue import JetStreamTicketQueue
from kinolog.adapters.jetstream.subjects import ADVISORIES, EVENTS, QUEUE_STREAMS, WORK, Service
from kinolog.adapters.jetstream.workers import JetStreamWorkerRegistry
from kinolog.command_handler import CommandHandler
from kinolog.ids import new_id
from kinolog.job.commands import Cancel, Reprioritize
from kinolog.job.values import Priority
from kinolog.ports.clock import system_clock
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.jobs import submit
from tests.builders.running_workers import no_jobs
from tests.fixtures.log import connected, empty_streams
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import WAIT_SECONDS, until


@dataclass
class RunningDispatch:
    """A server with an empty log, and what clients and workers do."""

    server: NatsServer
    store: JetStreamEventStore
    issuer: JetStreamTicketIssuer
    worker: Client

    async def submit(self, priority: Priority = Priority.MEDIUM, **changes: Any) -> str:
        """Submit a job as the api does."""
        job_id = new_id()
        command = submit(new_id(), priority=priority, **changes)
        await CommandHandler(self.store, system_clock).handle(job_id, command)
        return job_id

    async def tickets_of(self, *job_ids: str) -> None:
        """Wait until exactly these jobs have tickets."""
        await until(self.issuer.outstanding, "tickets", lambda found: set(found) == set(job_ids))

    async def commits_read(self) -> None:
        """Wait until the dispatch is done with all commits: a later one reads those again that it was not done with."""

        async def info() -> dict[str, Any]:
            return await api_request(self.issuer._client, f"$JS.API.CONSUMER.INFO.{EVENTS}.reactor")

        await until(
            info,
            "the acknowledgements of the dispatch",
            lambda found: found["num_pending"] + found["num_ack_pending"] == 0,
        )

    async def ended(self, job_id: str) -> str:
        """Wait until the job has ended; its error's code."""
        ended = await until(
            lambda: self.store.load(job_id),
            "the end of the job",
            lambda loaded: loaded is not None and loaded.job.status.terminal,
        )
        assert ended is not None
        return ended.job.error.code if ended.job.error else ended.job.status


@pytest.fixture
async def dispatch(own_nats_server: NatsServer) -> AsyncIterator[RunningDispatch]:
    """A server of its own with empty streams."""
    await empty_streams(own_nats_server)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(connected(own_nats_server, Service.API))
        projector = await stack.enter_async_context(connected(own_nats_server, Service.PROJECTOR))
        worker = await stack.enter_async_context(connected(own_nats_server, Service.WORKER))
        store = JetStreamEventStore(api)
        issuer = JetStreamTicketIssuer(projector)
        stack.push_async_callback(store.close)
        stack.push_async_callback(issuer.close)
        yield RunningDispatch(own_nats_server, store, issuer, worker)


@asynccontextmanager
async def dispatching(
    dispatch: RunningDispatch, unfinished: UnfinishedJobs | None = None
) -> AsyncIterator[None]:
    """Run the dispatch as the projector does, and cancel it at the end, as a crash would."""
    async with connected(dispatch.server, Service.PROJECTOR) as client:
        store, in_queue = JetStreamEventStore(client), JetStreamTicketIssuer(client)
        workers, lanes = JetStreamWorkerRegistry(client), JetStreamTicketLanes(client)
        issuer = FairTicketIssuer(in_queue, lanes, workers, lambda _: 1.0)
        commits = JetStreamCommitFeed(client, "reactor", kinds=TICKET_EVENTS)
        advisories = JetStreamAdvisoryFeed(client, "poison")

        running = run_dispatch(
            Dispatcher(commits, store, issuer, system_clock),
            Reconciler(
                unfinished or no_jobs,
                store,
                issuer,
                workers,
                system_clock,
                partial(provision, client, 1, QUEUE_STREAMS),
            ),
            PoisonTicketHandler(advisories, store, CommandHandler(store, system_clock), issuer, workers),
            issuer,
            StartDeadlines(no_jobs, CommandHandler(store, system_clock), system_clock),
        )
        async with background_task(running):
            yield
        for adapter in (commits, advisories, store, issuer, in_queue, lanes, workers):
            await adapter.close()


async def test_a_submitted_job_reaches_a_worker(dispatch: RunningDispatch) -> None:
    """A waiting worker receives the ticket of a job soon after it is submitted."""
    queue = JetStreamTicketQueue(dispatch.worker)
    async with dispatching(dispatch), asyncio.timeout(WAIT_SECONDS):
        taking = asyncio.create_task(queue.take(["tiny"]))
        job_id = await dispatch.submit()
        held = await taking
    assert (held.ticket.job_id, held.ticket.position) == (job_id, 1)
    await queue.close()


async def test_commands_change_tickets(dispatch: RunningDispatch) -> None:
    """A new priority moves the ticket of a queued job, and cancelling withdraws it."""
    handler = CommandHandler(dispatch.store, system_clock)
    async with dispatching(dispatch):
        moved, cancelled = await dispatch.submit(Priority.LOW), await dispatch.submit()
        await dispatch.tickets_of(moved, cancelled)
        await handler.handle(moved, Reprioritize(id=new_id(), actor="ann", priority=Priority.HIGH))
        await handler.handle(cancelled, Cancel(id=new_id(), actor="ann"))
        await dispatch.tickets_of(moved)
        await until(
            dispatch.issuer.outstanding,
            "the new priority",
            lambda found: found[moved].priority is Priority.HIGH,
        )


async def test_a_dispatcher_continues_where_the_last_one_stopped(dispatch: RunningDispatch) -> None:
    """The next dispatcher queues what was submitted while none ran, and nothing else."""
    async with dispatching(dispatch):
        first = await dispatch.submit()
        await dispatch.tickets_of(first)
    queue = JetStreamTicketQueue(dispatch.worker)
    async with asyncio.timeout(WAIT_SECONDS):
        held = await queue.take(["tiny"])
    second = await dispatch.submit()
    async with dispatching(dispatch):
        await dispatch.tickets_of(first, second)
        await held.acknowledge()
        await dispatch.tickets_of(second)
    await queue.close()


async def test_the_queue_survives_the_broker(dispatch: RunningDispatch) -> None:
    """After the broker was killed and restarted, a waiting worker receives what is submitted then."""
    queue = JetStreamTicketQueue(dispatch.worker)
    async with dispatching(dispatch):
        taking = asyncio.create_task(queue.take(["tiny"]))
        await asyncio.sleep(0)
        dispatch.server.kill()
        dispatch.server.start()
        async with asyncio.timeout(WAIT_SECONDS):
            job_id = await dispatch.submit()
            held = await taking
    assert held.ticket.job_id == job_id
    await queue.close()


async def test_a_job_waits_for_its_time_over_restarts(dispatch: RunningDispatch) -> None:
    """A job of a later time stays beside its lane while broker and dispatcher are restarted, and comes when due."""
    queue = JetStreamTicketQueue(dispatch.worker)
    at = system_clock() + timedelta(seconds=1.5)
    async with dispatching(dispatch):
        later = await dispatch.submit(start_after=at)
        await dispatch.tickets_of(later)
    dispatch.server.kill()
    dispatch.server.start()
    taken: dict[str, datetime] = {}
    async with dispatching(dispatch), asyncio.timeout(WAIT_SECONDS):
        soon = await dispatch.submit()
        for _ in range(2):
            held = await queue.take(["tiny"])
            assert held.deliveries == 1
            taken[held.ticket.job_id] = system_clock()
    assert (set(taken), taken[later] >= at) == ({soon, later}, True)
    await queue.close()


async def test_a_ticket_that_nobody_finishes_ends_its_job(dispatch: RunningDispatch) -> None:
    """A job whose ticket reaches the maximum of deliveries fails with POISONED, and its ticket is withdrawn."""
    queue = JetStreamTicketQueue(dispatch.worker, max_deliveries=2)
    async with dispatching(dispatch):
        job_id = await dispatch.submit()
        for _ in range(2 * MAX_ROUNDS):
            async with asyncio.timeout(WAIT_SECONDS):
                held = await queue.take(["tiny"])
            await held.release()
        asking = asyncio.create_task(queue.take(["tiny"]))
        assert await dispatch.ended(job_id) == "POISONED"
        await dispatch.tickets_of()
        asking.cancel()
    await queue.close()


async def test_many_jobs_at_once(dispatch: RunningDispatch) -> None:
    """A bulk submit of a thousand jobs issues a thousand tickets."""
    handler = CommandHandler(dispatch.store, system_clock)
    commits = [handler.decide_from(new_id(), None, submit(new_id())) for _ in range(1_000)]
    async with dispatching(dispatch):
        await dispatch.store.append_first([commit for commit in commits if commit is not None])
        await dispatch.tickets_of(*(commit.job_id for commit in commits if commit is not None))


async def test_a_flood_does_not_delay_another_tenant(dispatch: RunningDispatch) -> None:
    """Jobs of a tenant that comes after a flood are taken before the rest of it, also by a dispatch that starts later.

    Every job of both is taken once.
    """
    flood = {await dispatch.submit(tenant="flood") for _ in range(40)}
    queue, taken = JetStreamTicketQueue(dispatch.worker), list[str]()

    async def render(jobs: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            for _ in range(jobs):
                held = await queue.take(["tiny"])
                taken.append(held.ticket.job_id)
                await held.acknowledge()

    async with dispatching(dispatch):
        await dispatch.tickets_of(*flood)
        await dispatch.commits_read()
        await render(10)
    others = {await dispatch.submit(tenant="other") for _ in range(6)}
    async with dispatching(dispatch):
        await dispatch.tickets_of(*((flood | others) - set(taken)))
        await render(14)
        assert others <= set(taken)
        await render(22)
    assert (len(taken), set(taken)) == (46, flood | others)
    await queue.close()


async def test_deleted_streams_come_back_with_all_tickets(dispatch: RunningDispatch) -> None:
    """Deleted streams of the queue are created again; every job gets its ticket and reaches a worker."""
    job_ids = [await dispatch.submit() for _ in range(40)]

    async def unfinished(start: datetime, end: datetime) -> AsyncIterator[Sequence[UnfinishedJob]]:
        yield [UnfinishedJob(job_id) for job_id in job_ids[:25]]
        yield [UnfinishedJob(job_id) for job_id in job_ids[25:]]

    queue = JetStreamTicketQueue(dispatch.worker)
    async with dispatching(dispatch, unfinished):
        await dispatch.tickets_of(*job_ids)
        async with asyncio.timeout(WAIT_SECONDS):
            held = await queue.take(["tiny"])
        async with connected(dispatch.server, Service.ADMIN) as admin:
            for stream in (WORK, ADVISORIES):
                await api_request(admin, f"$JS.API.STREAM.DELETE.{stream}")
        await held.release()
        taken: set[str] = set()
        async with asyncio.timeout(WAIT_SECONDS):
            while taken != set(job_ids):
                held = await queue.take(["tiny"])
                taken.add(held.ticket.job_id)
                await held.acknowledge()
    await queue.close()


async def test_deleted_consumers_come_back(dispatch: RunningDispatch) -> None:
    """Consumers that an operator deletes while their readers wait are created again, and jobs go on."""
    queue = JetStreamTicketQueue(dispatch.worker)
    async with dispatching(dispatch), asyncio.timeout(WAIT_SECONDS):
        taking = asyncio.create_task(queue.take(["tiny"]))
        first = await dispatch.submit()
        await (await taking).acknowledge()
        taking = asyncio.create_task(queue.take(["tiny"]))
        async with connected(dispatch.server, Service.ADMIN) as admin:
            for stream in (EVENTS, WORK, ADVISORIES):
                listed = await api_request(admin, f"$JS.API.CONSUMER.NAMES.{stream}", {})
                for name in listed["consumers"] or ():
                    await api_request(admin, f"$JS.API.CONSUMER.DELETE.{stream}.{name}")
        second = await dispatch.submit()
        held = await taking
        assert held.ticket.job_id in (first, second)  # the log is dispatched again
        while held.ticket.job_id != second:
            await held.acknowledge()
            held = await queue.take(["tiny"])
    await queue.close()


async def test_a_ticket_whose_notice_is_lost_is_replaced(dispatch: RunningDispatch) -> None:
    """A ticket that was delivered as often as allowed while nobody was told is found and replaced; others stay."""
    job_id = await dispatch.submit()

    async def unfinished(start: datetime, end: datetime) -> AsyncIterator[Sequence[UnfinishedJob]]:
        yield [UnfinishedJob(job_id), UnfinishedJob(waiting)]

    loaded = await dispatch.store.load(job_id)
    assert loaded is not None
    queue = JetStreamTicketQueue(dispatch.worker, max_deliveries=2)
    async with asyncio.timeout(WAIT_SECONDS), connected(dispatch.server, Service.PROJECTOR) as client:
        registry, store = JetStreamWorkerRegistry(client), JetStreamEventStore(client)
        await dispatch.issuer.issue(ticket_of(loaded.job, loaded.position))
        assert await dispatch.issuer.undeliverable() == set()
        for _ in range(2):
            held = await queue.take(["tiny"])
            assert await dispatch.issuer.undeliverable() == set()
            await held.release()
        taking = asyncio.create_task(queue.take(["tiny"]))
        assert await until(dispatch.issuer.undeliverable, "the lost ticket") == {job_id}
        waiting = await dispatch.submit()
        reconciler = Reconciler(
            unfinished,
            store,
            dispatch.issuer,
            registry,
            system_clock,
            partial(provision, client, 1, QUEUE_STREAMS),
        )
        assert await reconciler.renew_undeliverable_tickets() == [job_id]
        assert (await taking).ticket.job_id == job_id
        assert await dispatch.issuer.undeliverable() == set()
        await registry.close()
        await store.close()
    await queue.close()
