"""Bulk commands of JobService over a filter that has more jobs than one call selects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, running_api

BulkAnswer: TypeAlias = (
    pb.BulkPauseJobsResponse
    | pb.BulkResumeJobsResponse
    | pb.BulkReprioritizeJobsResponse
    | pb.BulkEraseJobsResponse
)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_repeated_bulk_commands_by_filter_reach_every_job(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that leaves the status of a job as it is selects none that it has changed already."""
    monkeypatch.setattr("kinolog_api.jobs.commands.MAX_SELECTED_JOBS", 2)
    job_ids = [await api.submit() for _ in range(5)]
    waiting = pb.JobSelection(filter=job_pb2.JobFilter(statuses=[job_pb2.STATUS_QUEUED]))
    ended = pb.JobSelection(filter=job_pb2.JobFilter(statuses=[job_pb2.STATUS_COMPLETED]))

    async def reached(call: Callable[[], Awaitable[BulkAnswer]]) -> None:
        for results, remaining in ((2, 3), (2, 1), (1, 0), (0, 0)):
            answer = await call()
            assert (len(answer.results), answer.remaining) == (results, remaining)
            assert not [result for result in answer.results if result.HasField("error")]

    await reached(lambda: api.jobs.BulkPauseJobs(pb.BulkPauseJobsRequest(selection=waiting)))
    assert {(await api.job(job_id)).HasField("paused_at") for job_id in job_ids} == {True}
    await reached(lambda: api.jobs.BulkResumeJobs(pb.BulkResumeJobsRequest(selection=waiting)))
    raised = pb.BulkReprioritizeJobsRequest(selection=waiting, priority=job_pb2.PRIORITY_HIGH)
    await reached(lambda: api.jobs.BulkReprioritizeJobs(raised))
    raised.selection.filter.priorities.append(job_pb2.PRIORITY_HIGH)
    assert not (await api.jobs.BulkReprioritizeJobs(raised)).results
    for job_id in job_ids:
        await api.complete(job_id)
    await reached(lambda: api.jobs.BulkEraseJobs(pb.BulkEraseJobsRequest(selection=ended)))
    assert {(await api.job(job_id)).erased for job_id in job_ids} == {True}
