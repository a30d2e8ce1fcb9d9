"""What floods of known callers cost the api: its memory before them and at the most, with limits in force."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from unittest.mock import patch

import uvloop
from grpc import StatusCode, aio

from kinolog.v1 import job_service_pb2 as pb
from tests.bench import site
from tests.bench.calls import JobService, job_service, submission
from tests.bench.figures import Figure, Result
from tests.bench.process_memory import ProcessMemory
from tests.fixtures.servers import temporary_folder

TENANTS = """
[tenant.full]
max_queued_jobs = 10
[tenant.fast]
writes = "10/hour"
"""
LARGE_CALLS = 20
PROMPT = "\N{GRINNING FACE}" * 3_900


def measure(quick: bool) -> Result:
    """Measure large requests at once, and requests beyond a full queue and beyond a rate."""
    with temporary_folder() as folder:
        file = folder / "tenants.toml"
        file.write_text(TENANTS, encoding="utf-8")
        with (
            patch.dict(os.environ, {"KINOLOG_TENANTS_FILE": str(file)}),
            site.running({"projector", "api"}) as stack,
        ):
            pid = site.pid_of(stack.process("api").program)
            return uvloop.run(_measure(stack.addresses["api"], pid, 1_000 if quick else 10_000))


async def _measure(target: str, pid: int, flood: int) -> Result:
    figures: list[Figure] = []
    async with job_service(target) as jobs:
        await jobs.SubmitJob(submission())
        for name, attack in (
            (f"{flood:,} submits beyond a full queue", lambda: _refused(jobs, "full", flood)),
            (f"{flood:,} submits beyond a rate", lambda: _refused(jobs, "fast", flood)),
            (f"{LARGE_CALLS} batches of 15 MB at once", lambda: _large(target)),
        ):
            figures += await _memory(pid, name, attack)
    return Result("attacks", "memory of the api in MB", tuple(figures))


async def _memory(pid: int, name: str, attack: Callable[[], Awaitable[None]]) -> list[Figure]:
    memory = ProcessMemory(pid)
    before = memory.start()
    await attack()
    return [
        Figure(f"{name}: before", "MB", before),
        Figure(f"{name}: at the most", "MB", memory.most()),
    ]


async def _refused(jobs: JobService, tenant: str, number: int) -> None:
    """Send submits, 64 at once, until all but a few are refused."""
    numbers = iter(range(number))

    async def send() -> None:
        for _ in numbers:
            try:
                await jobs.SubmitJob(submission(), metadata=(("x-kinolog-tenant", tenant),))
            except aio.AioRpcError as error:
                if error.code() is not StatusCode.RESOURCE_EXHAUSTED:
                    raise

    await asyncio.gather(*(send() for _ in range(64)))


async def _large(target: str) -> None:
    requests = [pb.SubmitJobRequest(prompt=PROMPT, model="no-such-model") for _ in range(960)]
    batch = pb.BatchSubmitJobsRequest(requests=requests)

    async def send() -> None:
        async with job_service(target) as jobs:  # a connection for each
            await jobs.BatchSubmitJobs(batch)

    await asyncio.gather(*(send() for _ in range(LARGE_CALLS)))
