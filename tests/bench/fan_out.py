"""Progress to 500 WebSocket clients: the processor time of the gateway, against a bare broadcast of one message."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
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

CLIENTS = 500
HERTZ = 10
WORKER = "worker-1"


def measure(quick: bool) -> Result:
    """Measure the processor time of the gateway while it sends progress."""
    seconds, pairs = (3.0, 2) if quick else (6.0, 4)
    with site.running({"api", "gateway"}) as stack, site.helper("ws_floor") as floor:
        if floor.child is None:
            raise RuntimeError("the floor does not run")
        bare = (floor.announced["url"], floor.child.pid)
        figures = uvloop.run(_figures(stack, bare, seconds, pairs))
    note = (
        f"processor time of one process while {CLIENTS} clients of another one receive; progress of one job, published "
        f"{HERTZ} times a second; the floor broadcasts at that rate (websockets, uvloop)"
    )
    return Result("fan_out", "nothing is stored for it", figures, (note,))


@dataclass(slots=True)
class _Side:
    """A server's process and the clients on it."""

    server: psutil.Process
    clients: asyncio.subprocess.Process
    seconds: float
    rates: list[float] = field(default_factory=list)

    async def share_of_core(self) -> float:
        """Return the percent of a core that the server uses. Add the messages a second of a client to `rates`."""
        before, messages, started = self._spent(), await self._received(), perf_counter()
        await asyncio.sleep(self.seconds)
        spent, took = self._spent() - before, perf_counter() - started
        self.rates.append((await self._received() - messages) / CLIENTS / took)
        return 100 * spent / took

    def _spent(self) -> float:
        times = self.server.cpu_times()
        return times.user + times.system

    async def _received(self) -> int:
        stdin, stdout = self.clients.stdin, self.clients.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the clients have no pipes")
        stdin.write(b"\n")
        return int(await stdout.readline())


async def _figures(stack: Stack, bare: tuple[str, int], seconds: float, pairs: int) -> tuple[Figure, ...]:
    gateway = stack.process("gateway").pid
    if gateway is None:
        raise RuntimeError("the gateway does not run")
    url = stack.addresses["gateway"].replace("http", "ws", 1) + "/ws"
    async with _progress(stack), _clients(url) as ours, _clients(bare[0]) as others:
        kinolog = _Side(psutil.Process(gateway), ours, seconds)
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
    began = perf_counter()
    for number in count(1):
        await asyncio.sleep(max(0.0, began + number / HERTZ - perf_counter()))
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


@asynccontextmanager
async def _clients(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.ws_clients", url, str(CLIENTS)),
        cwd=site.ROOT,
        stdin=pipe,
        stdout=pipe,
    )
    try:
        if process.stdout is None or (line := await process.stdout.readline()) != b"ready\n":
            raise RuntimeError(f"the clients could not connect: {line!r}")
        yield process
    finally:
        process.kill()
        await process.wait()
