"""Watches that begin and end within milliseconds, alone on a real log: nobody's live updates stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import grpc
import pytest
from grpc import aio

from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import job_service_pb2_grpc
from kinolog_stack.processes.service_process import ServiceProcess
from tests.builders.running_api import collected, refused
from tests.integration.service_site import SECONDS

UNKNOWN = "0" * 26
WATCHES = 100


@pytest.fixture
async def jobs(api: ServiceProcess) -> AsyncIterator[job_service_pb2_grpc.JobServiceAsyncStub]:
    """A client of JobService."""
    async with aio.insecure_channel(api.announced["target"]) as channel:
        yield job_service_pb2_grpc.JobServiceStub(channel)


async def submitted(jobs: job_service_pb2_grpc.JobServiceAsyncStub) -> str:
    """Submit a job. Return its id."""
    return (await jobs.SubmitJob(pb.SubmitJobRequest(prompt="a red circle"), timeout=SECONDS)).job.id


async def test_a_lone_watch_of_an_unknown_job(jobs: job_service_pb2_grpc.JobServiceAsyncStub) -> None:
    """It is refused, again and again, and the watches of others go on afterwards."""
    known = await submitted(jobs)
    for _ in range(10):
        problem = await refused(jobs.WatchJob(pb.WatchJobRequest(job_id=UNKNOWN)))
        assert problem.code is grpc.StatusCode.NOT_FOUND
    (message,) = await collected(jobs.WatchJob(pb.WatchJobRequest(job_id=known)), 1)
    assert message.job.id == known


async def test_watches_that_are_cut_at_once(jobs: job_service_pb2_grpc.JobServiceAsyncStub) -> None:
    """After many watches that were cut at random moments, updates still arrive, and the log holds nothing up."""
    random = Random(20)
    for number in range(WATCHES):
        stream = jobs.WatchJobs(pb.WatchJobsRequest())
        reading = asyncio.ensure_future(stream.read())
        await asyncio.wait((reading,), timeout=random.uniform(0.0, 0.02))
        stream.cancel()
        await asyncio.wait((reading,))
        if number % 10 == 9:
            live = jobs.WatchJobs(pb.WatchJobsRequest(after=0))
            job_id = await submitted(jobs)
            while (await collected(live, 1))[0].job.id != job_id:
                pass
            live.cancel()
