"""Progress to 500 WebSocket clients: the processor time of the gateway, against a bare broadcast of one message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

import psutil
import uvloop

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.subjects import Service
from kinolog.command_handler import CommandHandler
from kinolog.ids import new_id
from kinolog.job.commands import StartAttempt
from kinolog.job.values import Runtime, Stage
from kinolog.ports.clock import system_clock
from kinolog.ports.progress import Progress
from kinolog_stack.stack import Stack
from tests.bench import site
from tests.bench.calls import job_service, submission
from tests.bench.figures import Aim, Figure, Result, interleaved, paired
from tests.bench.pace import beats
from tests.bench.ws_clients import clients_process

CLIENTS = 500
HERTZ = 10
WORKER = "worker-1"


def measure(quick: bool) -> Result:
    """Measure the processor time of the gateway while it sends progress."""
    seconds, pairs = (3.0, 2) if quick else (6.0, 4)
    with site.running({"api", "gateway"}) as stack, site.helper("ws_floor") as floor:
        bare = (floor.announced["url"], site.pid_of(floor))
        figures = uvloop.run(_figures(stack, bare, seconds, pairs))
    note = (
        f"processor time of one process while {CLIENTS} clients of another one receive; progress of one job, published "
        f"{HERTZ} times a second; the floor broadcasts at that rate (websockets, uvloop)"
    )
    return Result("fan_out", "nothing is stored for it", figures, (note,))


@dataclass(slots=True)
class _Side:
    """A server's process, and what returns how many messages the clients on it have received."""

    server: psutil.Process
    received: Callable[[], Awaitable[bytes]]
    seconds: float
    rates: list[float] = field(default_factory=list)

    async def share_of_core(self) -> float:
        """Return the percent of a core that the server uses. Add the messages a second of a client to `rates`."""
        before, messages, started = self._spent(), int(await self.received()), perf_counter()
        await asyncio.sleep(self.seconds)
        spent, took = self._spent() - before, perf_counter() - started
        self.rates.append((int(await self.received()) - messages) / CLIENTS / took)
        return 100 * spent / took

    def _spent(self) -> float:
        times = self.server.cpu_times()
        return times.user + times.system


async def _figures(stack: Stack, bare: tuple[str, int], seconds: float, pairs: int) -> tuple[Figure, ...]:
    url = stack.addresses["gateway"].replace("http", "ws", 1) + "/ws"
    async with (
        _progress(stack),
        clients_process(url, CLIENTS) as ours,
        clients_process(bare[0], CLIENTS) as others,
    ):
        kinolog = _Side(psutil.Process(site.pid_of(stack.process("gateway").program)), ours, seconds)
        floor = _Side(psutil.Process(bare[1]), others, seconds)
        taken = await interleaved(pairs, floor.share_of_core, kinolog.share_of_core)
    received = [sum(side.rates) / len(side.rates) for side in (kinolog, floor)]
    return (
        paired(f"gateway, {CLIENTS} clients", "% of a core", taken, Aim("value", "below", 25)),
        Figure("messages that each client gets", "/s", received[0], received[1], received[0] / received[1]),
    )


@asynccontextmanager
async def _progress(stack: Stack) -> AsyncIterator[None]:
    """Start a job and publish its progress until the context ends."""
    async with job_service(stack.addresses["api"]) as api:
        job_id = (await api.SubmitJob(submission("slow-card"))).job.id
    client = await connect(site.log_settings(stack, Service.WORKER), Service.WORKER)
    store, feed = JetStreamEventStore(client), JetStreamProgressFeed(client)
    try:
        start = StartAttempt(
            id=new_id(), actor=WORKER, runtime=Runtime(hardware="bench", model_revision="r1", libraries={})
        )
        await CommandHandler(store, system_clock).handle(job_id, start)
        reporting = asyncio.create_task(_report(feed, job_id))
        yield
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
    finally:
        await feed.close()
        await store.close()
        await client.close()


async def _report(feed: JetStreamProgressFeed, job_id: str) -> None:
    """Publish progress at an even pace, until cancelled."""
    async for number in beats(HERTZ):
        step = number % 1_000
        await feed.publish(
            Progress(
                job_id=job_id,
                attempt=1,
                at=datetime.now(UTC),
                worker=WORKER,
                stage=Stage.DENOISE,
                scene=0,
                scenes=1,
                step=step,
                steps=1_000,
                percent=step / 10,
                eta_seconds=100 - step / 10,
            )
        )
