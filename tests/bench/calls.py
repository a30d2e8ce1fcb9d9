"""Calls of the gRPC api: their rate and their duration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import TypeAlias
from uuid import uuid4

import grpc

from kinolog.ids import new_request_id
from kinolog.v1 import job_pb2, job_service_pb2_grpc
from kinolog.v1 import job_service_pb2 as pb

JobService: TypeAlias = "job_service_pb2_grpc.JobServiceAsyncStub"

PROMPT = "a red circle moving right on a blue background, slowly, in soft light"


@asynccontextmanager
async def job_service(target: str) -> AsyncIterator[JobService]:
    """Yield a client on a connection of its own."""
    options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(target, options) as channel:
        yield job_service_pb2_grpc.JobServiceStub(channel)


def submission(model: str = "card") -> pb.SubmitJobRequest:
    """Return a request for a new job. Its request id states when it was made, as kinolog's clients make them."""
    return pb.SubmitJobRequest(prompt=PROMPT, model=model, request_id=new_request_id(datetime.now(UTC)))


def submission_with_own_id() -> pb.SubmitJobRequest:
    """Return a request for a new job whose id the caller made: the api looks it up in the archive. See decision 15."""
    return pb.SubmitJobRequest(prompt=PROMPT, model="card", request_id=uuid4().hex)


async def until_completed(api: JobService, submitted: pb.SubmitJobResponse) -> job_pb2.Job:
    """Wait for the end of a job, and return it. Raises RuntimeError unless it is completed."""
    last = submitted.job
    async for update in api.WatchJob(pb.WatchJobRequest(job_id=last.id, after=submitted.position)):
        if update.WhichOneof("update") == "job":
            last = update.job
    if last.status != job_pb2.STATUS_COMPLETED:
        raise RuntimeError(f"the job ended as {job_pb2.Status.Name(last.status)}: {last.error.code}")
    return last


async def rate(call: Callable[[], Awaitable[object]], at_once: int, seconds: float) -> float:
    """Return the calls per second with `at_once` in flight, measured for `seconds`."""
    ends_at = perf_counter() + seconds
    done = 0

    async def caller() -> None:
        nonlocal done
        while perf_counter() < ends_at:
            await call()
            done += 1

    started = perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(caller())
    return done / (perf_counter() - started)


async def seconds_of(call: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds that one call takes."""
    started = perf_counter()
    await call()
    return perf_counter() - started
