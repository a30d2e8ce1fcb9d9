"""Commits to 1,000 WebSocket clients: how long after the event each has it, against a bare broadcast."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

import psutil
import uvloop

from kinolog_stack.stack import Stack
from tests.bench import site
from tests.bench.calls import job_service, submission
from tests.bench.figures import Figure, Result
from tests.bench.pace import beats
from tests.bench.ws_clients import clients_process

CLIENTS = 1_000
HERTZ = 2
"""Submits a second. Each is a message to every client."""


def measure(quick: bool) -> Result:
    """Measure while jobs are submitted at an even pace, and then the broadcast at the same pace."""
    seconds = 5.0 if quick else 20.0
    with site.running({"api", "gateway"}) as stack, site.helper("ws_floor", str(HERTZ)) as floor:
        bare = uvloop.run(_broadcast(floor.announced["url"], site.pid_of(floor), seconds))
        ours = uvloop.run(_commits(stack, seconds))
    note = (
        f"{CLIENTS:,} clients of one process; {HERTZ} submits a second, each one message to each client; from the "
        "`created_at` of the commit to its receipt; the floor broadcasts as often (websockets, uvloop)"
    )
    share = f"server, {CLIENTS:,} clients, {HERTZ} commits a second"
    figures = (
        Figure("event to client, p50", "ms", ours.p50, bare.p50, ours.p50 / bare.p50),
        Figure("event to client, p99", "ms", ours.p99, bare.p99, ours.p99 / bare.p99),
        Figure(share, "% of a core", ours.share, bare.share, ours.share / bare.share),
        Figure(
            "messages received of those sent", "%", 100 * ours.received / (int(seconds * HERTZ) * CLIENTS)
        ),
    )
    return Result("latency", site.STREAM_DURABILITY, figures, (note,))


@dataclass(slots=True)
class _Reading:
    """What clients received: milliseconds, the number of messages, and the server's percent of a core."""

    p50: float = 0.0
    p99: float = 0.0
    received: int = 0
    share: float = 0.0


async def _commits(stack: Stack, seconds: float) -> _Reading:
    url = stack.addresses["gateway"].replace("http", "ws", 1) + "/ws"
    async with _clients(url, site.pid_of(stack.process("gateway").program)) as reading:
        async with job_service(stack.addresses["api"]) as api:
            async for _ in beats(HERTZ, int(seconds * HERTZ)):
                await api.SubmitJob(submission("slow-card"))
        await asyncio.sleep(1.0)
    return reading


async def _broadcast(url: str, pid: int, seconds: float) -> _Reading:
    async with _clients(url, pid) as reading:
        await asyncio.sleep(seconds)
    return reading


@asynccontextmanager
async def _clients(url: str, pid: int) -> AsyncIterator[_Reading]:
    """Let clients receive while the context lasts, and fill in the reading at its end."""
    server, reading = psutil.Process(pid), _Reading()
    async with clients_process(url, CLIENTS, "--latency") as report:
        spent, began = sum(server.cpu_times()[:2]), perf_counter()
        yield reading
        reading.share = 100 * (sum(server.cpu_times()[:2]) - spent) / (perf_counter() - began)
        taken = json.loads(await report())
        reading.p50, reading.p99, reading.received = taken["p50"], taken["p99"], taken["received"]
