"""The first waiting jobs are those with the first places in the queue, against a real gateway and a real api."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from kinolog_tui.session.job_orders import first_waiting_jobs

from kinolog.v1 import job_pb2
from kinolog_client import AsyncKinologClient, JobInfo, JobSelection
from tests.builders.running_api import RunningApi, running_api
from tests.unit.gateway.conftest import running_gateway

LIMIT = 20
LONG = LIMIT + 5
"""Jobs of a line that has more than are shown."""


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


@pytest.fixture
async def client(api: RunningApi) -> AsyncIterator[AsyncKinologClient]:
    """A client of a gateway of the api."""
    async with running_gateway(api.target) as gateway, AsyncKinologClient(gateway.url) as client:
        yield client


async def waiting(client: AsyncKinologClient) -> list[JobInfo]:
    """Return all waiting jobs in the order of their places."""
    page = await client.jobs(JobSelection(statuses=("queued",)), limit=100)
    assert page.next_cursor is None
    return sorted(page.jobs, key=lambda job: job.queue_position or 0)


async def check_first_jobs(client: AsyncKinologClient) -> None:
    """Compare the places of the first jobs with those of all jobs. Two models have the same places."""
    found = (await first_waiting_jobs(client, LIMIT)).jobs
    expected = [job.queue_position for job in await waiting(client)]
    assert [job.queue_position for job in found] == expected[:LIMIT]
    assert len({job.job_id for job in found}) == min(LIMIT, len(expected))


@pytest.mark.parametrize("jobs", [0, 3, LONG])
async def test_jobs_of_one_line(api: RunningApi, client: AsyncKinologClient, jobs: int) -> None:
    """The oldest jobs are the first ones."""
    ids = [await api.submit() for _ in range(jobs)]
    found = await first_waiting_jobs(client, LIMIT)
    assert [job.job_id for job in found.jobs] == ids[:LIMIT]
    assert found.took_many_lists is (jobs > LIMIT)


async def test_lines_take_turns(api: RunningApi, client: AsyncKinologClient) -> None:
    """Jobs of each priority and of each model are among the first, also those behind a long line of another one."""
    for _ in range(LONG):
        await api.submit(priority=job_pb2.PRIORITY_LOW)
    for _ in range(LONG):
        await api.submit(priority=job_pb2.PRIORITY_CRITICAL)
    for priority in (job_pb2.PRIORITY_LOW, job_pb2.PRIORITY_HIGH):
        await api.submit(priority=priority, model="large")
    await check_first_jobs(client)
    found = (await first_waiting_jobs(client, LIMIT)).jobs
    assert {job.priority for job in found} == {"low", "critical", "high"}
    assert [job.priority for job in found if job.model == "large"] == ["high", "low"]


async def test_jobs_that_may_start_come_before_those_that_wait(
    api: RunningApi, client: AsyncKinologClient
) -> None:
    """Old jobs that wait for a time, or are paused, hide none that may start. Where there is room they come last."""
    at = datetime.now(UTC) + timedelta(hours=1)
    later = [
        (await client.generate("a red circle", start_after=at + timedelta(minutes=minutes))).job_id
        for minutes in range(LIMIT, 0, -1)
    ]
    held = (await client.generate("a red circle")).job_id
    await client.pause(held)
    ready = [await api.submit() for _ in range(3)]
    found = [job.job_id for job in (await first_waiting_jobs(client, LIMIT)).jobs]
    assert found[:3] == ready
    assert found[3:] == later[::-1][: LIMIT - 3]
    rest = [job.job_id for job in (await first_waiting_jobs(client, LIMIT + 10)).jobs]
    assert rest == [*ready, *later[::-1], held]


async def test_jobs_of_a_paused_priority_come_after_the_others(
    api: RunningApi, client: AsyncKinologClient
) -> None:
    """They keep their order, however many they are. A pause of the whole queue changes nothing."""
    urgent = [await api.submit(priority=job_pb2.PRIORITY_CRITICAL) for _ in range(LONG)]
    ready = [await api.submit(priority=job_pb2.PRIORITY_LOW) for _ in range(2)]
    await client.pause_queue(priority="critical")

    async def first() -> list[str]:
        found = await first_waiting_jobs(client, LIMIT, has_pauses=True)
        return [job.job_id for job in found.jobs]

    assert await first() == [*ready, *urgent][:LIMIT]
    before = [job.job_id for job in (await first_waiting_jobs(client, LIMIT)).jobs]
    await client.pause_queue()
    assert await first() == before


async def test_raised_jobs_are_in_front(api: RunningApi, client: AsyncKinologClient) -> None:
    """A job with another priority keeps its age, whenever it was raised."""
    jobs = [await api.submit(priority=job_pb2.PRIORITY_LOW) for _ in range(LONG)]
    for job_id in reversed(jobs):
        await client.reprioritize(job_id, "high")
    await check_first_jobs(client)


async def test_retried_jobs_are_behind(api: RunningApi, client: AsyncKinologClient) -> None:
    """Old jobs that were retried wait behind younger ones, however many they are."""
    failed = [await api.submit() for _ in range(LONG)]
    for job_id in failed:
        await api.fail(job_id)
    younger = [await api.submit() for _ in range(LONG)]
    assert (await client.bulk("retry", failed)).failed == 0
    await check_first_jobs(client)
    assert [job.job_id for job in (await first_waiting_jobs(client, LIMIT)).jobs] == younger[:LIMIT]
