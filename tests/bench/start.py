"""From submitting a job to the start of its attempt on an idle stack, against a bare work queue on the same server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import uvloop
from google.protobuf.timestamp_pb2 import Timestamp
from nats.aio.client import Client
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.bench import site
from tests.bench.calls import JobService, job_service, submission
from tests.bench.figures import Aim, Figure, Result, percentile

STREAM = "BENCH"
PAUSE_SECONDS = 0.05
"""Pause between jobs, so that the stack is idle when the next one is submitted."""
ENDED = (job_pb2.STATUS_COMPLETED, job_pb2.STATUS_FAILED, job_pb2.STATUS_CANCELLED)


def measure(quick: bool) -> Result:
    """Measure the time from submit to start, as a client sees it and by the times in the log."""
    with site.running({"projector", "api", "worker"}) as stack:
        settings = site.log_settings(stack, Service.ADMIN)

        async def all_figures() -> tuple[Figure, ...]:
            admin, other = await connect(settings, Service.ADMIN), await connect(settings, Service.ADMIN)
            try:
                async with job_service(stack.addresses["api"]) as api, _queue(admin, other) as queue:
                    return await _figures(api, queue, 10 if quick else 120)
            finally:
                await admin.close()
                await other.close()

        figures = uvloop.run(all_figures())
    notes = (
        "seen: from before the call of SubmitJob to the message of WatchJobs that shows the job processing, both "
        "by the client's clock; the log: from created_at to started_at, the times in the two commits",
        "the floor: a synced publish to a work queue until another connection's pull has it",
    )
    return Result("start", site.STREAM_DURABILITY, figures, notes)


class _Queue:
    """A bare work queue with one consumer that always has a pull open."""

    def __init__(self, publisher: JetStreamContext, pull: JetStreamContext.PullSubscription) -> None:
        self._publisher = publisher
        self._pull = pull

    async def delivery_seconds(self) -> float:
        """Return the seconds from publishing a message to receiving it."""
        receiving = asyncio.create_task(self._receive())
        await asyncio.sleep(PAUSE_SECONDS)
        started = perf_counter()
        await self._publisher.publish("bench.work", b"ticket")
        return await receiving - started

    async def _receive(self) -> float:
        (message,) = await self._pull.fetch(1, timeout=10)
        at = perf_counter()
        await message.ack()
        return at


@asynccontextmanager
async def _queue(publisher: Client, consumer: Client) -> AsyncIterator[_Queue]:
    jetstream = publisher.jetstream()
    await jetstream.add_stream(
        StreamConfig(
            STREAM, subjects=["bench.>"], storage=StorageType.FILE, retention=RetentionPolicy.WORK_QUEUE
        )
    )
    pull = await consumer.jetstream().pull_subscribe("bench.work", durable="bench", stream=STREAM)
    try:
        yield _Queue(jetstream, pull)
    finally:
        await pull.unsubscribe()


class _Watch:
    """Records when each job is first seen processing, and which jobs have ended."""

    def __init__(self) -> None:
        self.started: dict[str, float] = {}
        self._ended: dict[str, asyncio.Event] = {}

    async def follow(self, api: JobService, begun: asyncio.Event) -> None:
        """Record the updates that the api streams. Sets `begun` when the call is made."""
        call = api.WatchJobs(pb.WatchJobsRequest(after=0))
        begun.set()
        async for update in call:
            now = perf_counter()
            if update.WhichOneof("update") != "job":
                continue
            job = update.job
            if job.attempt:
                self.started.setdefault(job.id, now)
            if job.status in ENDED:
                self._ended.setdefault(job.id, asyncio.Event()).set()

    async def wait_ended(self, job_id: str) -> None:
        """Wait until a job has ended."""
        async with asyncio.timeout(60):
            await self._ended.setdefault(job_id, asyncio.Event()).wait()


async def _figures(api: JobService, queue: _Queue, jobs: int) -> tuple[Figure, ...]:
    watch, begun = _Watch(), asyncio.Event()
    following = asyncio.create_task(watch.follow(api, begun))
    await begun.wait()
    bare: list[float] = []
    seen: list[float] = []
    logged: list[float] = []
    for number in range(jobs + 3):
        floor = await queue.delivery_seconds()
        await asyncio.sleep(PAUSE_SECONDS)
        before = perf_counter()
        submitted = await api.SubmitJob(submission())
        job_id = submitted.job.id
        await watch.wait_ended(job_id)
        job = (await api.GetJob(pb.GetJobRequest(job_id=job_id))).job
        if number >= 3:  # the first ones load the model and open connections
            bare.append(floor)
            seen.append(watch.started[job_id] - before)
            logged.append(_seconds(job.started_at) - _seconds(job.created_at))
        await asyncio.sleep(PAUSE_SECONDS)
    following.cancel()
    return tuple(
        _figure(name, share, readings, bare)
        for name, readings in (
            ("submit to start, seen by a client", seen),
            ("submit to start, in the log", logged),
        )
        for share in (0.5, 0.99)
    )


def _figure(name: str, share: float, ours: list[float], bare: list[float]) -> Figure:
    value, floor = percentile(ours, share) * 1e3, percentile(bare, share) * 1e3
    aim = Aim("value", "below", 10) if share == 0.5 else None
    return Figure(f"{name}, p{share * 100:.0f}", "ms", value, floor, value / floor, aim)


def _seconds(at: Timestamp) -> float:
    return at.seconds + at.nanos / 1e9
