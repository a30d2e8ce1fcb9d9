"""How long the jobs of a tenant wait while another one floods the queue, and how fast the jobs of one tenant start.

Broker, database and projector are real. The workers are tasks of this process: each takes tickets, commits the start of
an attempt, waits as long as a render would take, commits its end and acknowledges.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import uvloop
from kinolog_projector.app import DISPATCHER_CONSUMER
from nats.aio.client import Client

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.log.commit_feed import JetStreamCommitFeed
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.queue.ticket_queue import JetStreamTicketQueue
from kinolog.adapters.jetstream.subjects import Service
from kinolog.command_handler import CommandHandler
from kinolog.ids import new_id
from kinolog.job.commands import FailAttempt, StartAttempt
from kinolog.job.values import JobError, Runtime, Status
from kinolog.ports.clock import system_clock
from kinolog_stack.stack import Stack
from tests.bench import site
from tests.bench.figures import Aim, Figure, Pair, Result, paired, percentile
from tests.bench.pace import beats
from tests.builders.jobs import submit
from tests.fixtures.waits import until

WORKERS = 4
RENDER_SECONDS = 0.5
"""Mean duration of a render; each takes half of it to one and a half."""
FLOOD = 10_000
BURST = 24
BURST_SECONDS = 10.0
"""A burst of jobs comes each time this has passed: less than a third of what the workers can render."""
AT_ONCE = 500
RENDERED = JobError(code="RENDERED", message="the benchmark renders nothing", retryable=False)


def measure(quick: bool) -> Result:
    """Measure the waits of bursts alone and under a flood, and the starts of jobs of one tenant alone."""
    bursts, flood, jobs = (3, 1_000, 400) if quick else (6, FLOOD, 3_000)
    with site.running({"projector"}) as stack:
        alone, _ = uvloop.run(_waits(stack, bursts, 0))
    with site.running({"projector"}) as stack:
        flooded, dispatched = uvloop.run(_waits(stack, bursts, flood))
    with site.running({"projector"}) as stack:
        rate = uvloop.run(_rate(stack, jobs))
    waits = [Pair(percentile(alone, 0.95), percentile(flooded, 0.95))]
    aim = Aim("ratio", "below", 1.2)
    figures = (
        paired(f"p95 wait in bursts of {BURST}, under a flood of {flood:,} jobs", "s", waits, aim),
        paired("median wait", "s", [Pair(percentile(alone, 0.5), percentile(flooded, 0.5))]),
        Figure(f"tickets of {flood:,} jobs issued", "s", dispatched),
        Figure(f"jobs of one tenant started and ended by {WORKERS} workers", "/s", rate),
    )
    notes = (
        f"{WORKERS} workers, renders of {RENDER_SECONDS:g} s at the mean; the floor: the same bursts alone",
        "from the commit of the submit to that of the start; the bursts begin when the flood has its tickets",
    )
    return Result("fair_share", site.STREAM_DURABILITY, figures, notes)


class _Fleet:
    """Workers that take tickets, and clients that submit jobs."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._chance = random.Random(7)
        self.submitted: dict[str, float] = {}
        self.started: dict[str, float] = {}
        self.ended = 0
        self.change = asyncio.Event()

    async def submit(self, store: JetStreamEventStore, tenant: str, jobs: int) -> None:
        """Submit jobs as the api does."""
        handler = CommandHandler(store, system_clock)
        commits = [handler.decide_from(new_id(), None, submit(new_id(), tenant=tenant)) for _ in range(jobs)]
        known = [commit for commit in commits if commit is not None]
        for start in range(0, jobs, AT_ONCE):
            chunk = known[start : start + AT_ONCE]
            now = perf_counter()
            if tenant == "burst":
                self.submitted.update((commit.job_id, now) for commit in chunk)
            await store.append_first(chunk)

    async def work(self, name: str, client: Client) -> None:
        """Take tickets until cancelled."""
        store, queue = JetStreamEventStore(client), JetStreamTicketQueue(client)
        handler = CommandHandler(store, system_clock)
        try:
            while True:
                held = await queue.take(["tiny"])
                job_id = held.ticket.job_id
                loaded = await store.load(job_id)
                if loaded is None or loaded.job.status is not Status.QUEUED:
                    await held.acknowledge()
                    continue
                start = StartAttempt(id=new_id(), actor=name, runtime=Runtime())
                handled = await handler.handle_from(job_id, loaded, start)
                self.started[job_id] = perf_counter()
                await asyncio.sleep(self._seconds * self._chance.uniform(0.5, 1.5))
                end = FailAttempt(
                    id=new_id(),
                    actor=name,
                    attempt=handled.job.attempt,
                    error=RENDERED,
                    retry_at=system_clock(),
                )
                await handler.handle(job_id, end)
                await held.acknowledge()
                self.ended += 1
                self.change.set()
        finally:
            await queue.close()
            await store.close()

    async def until_started(self) -> None:
        """Wait until every submitted job of the bursts was started."""
        while not self.started.keys() >= self.submitted.keys():
            await self._changed()

    async def until_ended(self, jobs: int) -> None:
        """Wait until so many jobs have ended."""
        while self.ended < jobs:
            await self._changed()

    async def _changed(self) -> None:
        self.change.clear()
        await self.change.wait()


@asynccontextmanager
async def _fleet(
    stack: Stack, seconds: float
) -> AsyncIterator[tuple[_Fleet, JetStreamEventStore, JetStreamCommitFeed]]:
    worker, admin = site.log_settings(stack, Service.WORKER), site.log_settings(stack, Service.ADMIN)
    clients = [await connect(worker, Service.WORKER) for _ in range(WORKERS)]
    api = await connect(admin, Service.ADMIN)
    fleet, store, feed = (
        _Fleet(seconds),
        JetStreamEventStore(api),
        JetStreamCommitFeed(api, DISPATCHER_CONSUMER),
    )
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(fleet.work(f"worker-{number}", client))
                for number, client in enumerate(clients)
            ]
            yield fleet, store, feed
            for task in tasks:
                task.cancel()
    finally:
        await feed.close()
        await store.close()
        for client in (*clients, api):
            await client.close()


async def _waits(stack: Stack, bursts: int, flood: int) -> tuple[list[float], float]:
    """Return how long the jobs of bursts wait while another tenant has queued `flood` jobs.

    Also return after how many seconds all of those had their tickets.
    """
    async with _fleet(stack, RENDER_SECONDS) as (fleet, store, feed):
        submitted = perf_counter()
        await fleet.submit(store, "flood", flood)
        await until(feed.progress, "the tickets of the flood", lambda progress: not progress.waiting)
        begins = perf_counter()
        async for _ in beats(1 / BURST_SECONDS, bursts):
            await fleet.submit(store, "burst", BURST)
        await fleet.until_started()
    waits = [fleet.started[job_id] - at for job_id, at in fleet.submitted.items()]
    return waits, begins - submitted


async def _rate(stack: Stack, jobs: int) -> float:
    """Return how many jobs of one tenant workers start and end each second, if a render takes no time."""
    async with _fleet(stack, 0) as (fleet, store, _):
        begins = perf_counter()
        await fleet.submit(store, "one", jobs)
        await fleet.until_ended(jobs)
        return jobs / (perf_counter() - begins)
