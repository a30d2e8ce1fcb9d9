"""When jobs start: recorded, shown, and refused where it cannot be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import grpc
import pytest

from kinolog.codec.times import time_from_proto
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


def request(at: datetime | None, seconds: int = 0, request_id: str = "") -> pb.SubmitJobRequest:
    """Return a submit of a job that starts after a time, within seconds from then on."""
    wire = pb.SubmitJobRequest(prompt=PROMPT, start_timeout_seconds=seconds, request_id=request_id)
    if at is not None:
        wire.start_after.FromDatetime(at)
    return wire


async def test_the_job_says_when_it_starts(api: RunningApi) -> None:
    """What a submit wants is in the job, also in lists; while it waits it has no position, and takes none."""
    at = api.clock() + timedelta(days=366) - MINUTE
    job = (await api.jobs.SubmitJob(request(at, 60))).job
    other = await api.submit()
    listed = {job.id: job for job in (await api.jobs.ListJobs(pb.ListJobsRequest())).jobs}
    got = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job.id))).job
    for each in (job, listed[job.id], got):
        assert time_from_proto(each.start_after) == time_from_proto(each.not_before) == at
        assert time_from_proto(each.start_before) == at + MINUTE
        assert not each.HasField("queue_position")
    assert listed[other].queue_position == 0


async def test_a_time_that_is_past_or_far_is_refused(api: RunningApi) -> None:
    """The error says what time it is, or what is allowed. A batch stores its other jobs."""
    now = api.clock()
    for at, words in ((now - 2 * MINUTE, "is past: it is"), (now + timedelta(days=367), "at most 366 days")):
        problem = await refused(api.jobs.SubmitJob(request(at)))
        assert problem.code is grpc.StatusCode.INVALID_ARGUMENT
        assert words in problem.fields["start_after"]
    requests = [request(now - 2 * MINUTE), request(now - MINUTE / 2), request(now + MINUTE)]
    results = (await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))).results
    assert [bool(result.job_id) for result in results] == [False, True, True]
    just_past = (await api.jobs.GetJob(pb.GetJobRequest(job_id=results[1].job_id))).job
    assert not just_past.HasField("start_after")


async def test_a_request_that_is_repeated_after_its_time(api: RunningApi) -> None:
    """It returns the job that it made: only a new job cannot start in the past."""
    wanted = request(api.clock() + MINUTE, request_id="tonight")
    made = await api.jobs.SubmitJob(wanted)
    api.clock.now += timedelta(hours=1)
    again = await api.jobs.SubmitJob(wanted)
    assert (again.created, again.job.id) == (False, made.job.id)
