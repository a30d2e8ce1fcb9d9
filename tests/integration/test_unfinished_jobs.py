"""The unfinished jobs that the reconciler reads from Postgres: all of them, in pages, whatever the clock says."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from kinolog_projector.dispatch import queue_metrics, unfinished_jobs
from kinolog_projector.dispatch.queue_metrics import OTHERS, QueueMetrics
from kinolog_projector.dispatch.reconciler import UnfinishedJob
from kinolog_projector.dispatch.unfinished_jobs import ReadModelLateStarts, ReadModelUnfinishedJobs

from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.readmodel.database import reader_pool
from tests.builders.memory_jobs import MemoryJobs
from tests.integration.readmodel_database import Projected, projected


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """An empty read model."""
    async with projected(migrated_database_url) as database:
        yield database


async def read(database: Projected, start: datetime, end: datetime) -> list[list[UnfinishedJob]]:
    """Return the pages of jobs that were not changed from `start` to `end`."""
    async with reader_pool(database.url, 1, "test") as pool:
        return [list(page) async for page in ReadModelUnfinishedJobs(pool)(start, end)]


async def test_all_unfinished_jobs_are_read(database: Projected, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, each unfinished job is read once, the oldest change first, and no ended one."""
    monkeypatch.setattr(unfinished_jobs, "PAGE_SIZE", 7)
    memory_jobs = MemoryJobs()
    await memory_jobs.many(120)
    await database.catch_up(memory_jobs.store, memory_jobs.keys)
    jobs: dict[str, Job] = {}
    async for batch in memory_jobs.store.read(0):
        jobs |= {recorded.commit.job_id: recorded.commit.state for recorded in batch}
    unfinished = {job.id: job.updated_at for job in jobs.values() if not job.status.terminal}
    end = max(unfinished.values()) + timedelta(hours=1)
    pages = await read(database, end, end)
    read_ids = [job.id for page in pages for job in page]
    assert len(pages) > 3
    assert max(map(len, pages)) == 7
    assert len(read_ids) == len(set(read_ids))
    assert set(read_ids) == set(unfinished)
    assert [unfinished[job_id] for job_id in read_ids] == sorted(unfinished.values())
    running = {job.id for page in pages for job in page if job.running}
    assert running == {job.id for job in jobs.values() if job.status is Status.PROCESSING}
    # Changed just now: not overdue.
    assert await read(database, min(unfinished.values()), end) == []
    # The clock was set back: what was changed "in the future" is read, or it would wait for that time.
    back = min(unfinished.values()) - timedelta(hours=2)
    again = [job.id for page in await read(database, back, back) for job in page]
    assert set(again) == set(unfinished)


async def test_late_jobs_are_read(database: Projected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that wait for their first attempt longer than they may, the earliest deadline first, in pages."""
    monkeypatch.setattr(unfinished_jobs, "PAGE_SIZE", 2)
    jobs = MemoryJobs()
    later, late, *others = [
        await jobs.submit(start_timeout_seconds=seconds) for seconds in (90, 60, 60, 60, 0)
    ]
    ended, started = others[:2]
    await jobs.complete(ended)
    await jobs.fail(started, retryable=True)
    await database.catch_up(jobs.store, jobs.keys)
    at = {job_id: (await jobs.job(job_id)).start_before for job_id in (later, late)}
    async with reader_pool(database.url, 1, "test") as pool:
        for time, expected in ((at[late], [late]), (at[later], [late, later])):
            assert time is not None
            read_late = ReadModelLateStarts(pool)
            assert [job_id async for page in read_late(time) for job_id in page] == expected


async def test_the_queue_is_counted_by_tenant_and_priority(
    database: Projected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that may start now, and the age of the oldest; the tenants with fewest jobs are counted together."""
    monkeypatch.setattr(queue_metrics, "MOST_TENANTS", 1)
    memory_jobs = MemoryJobs()
    await memory_jobs.many(120)
    await database.catch_up(memory_jobs.store, memory_jobs.keys)
    expected: Counter[tuple[str, str]] = Counter()
    states: dict[str, Job] = {}
    async for batch in memory_jobs.store.read(0):
        states |= {recorded.commit.job_id: recorded.commit.state for recorded in batch}
    for job in states.values():
        if job.status is Status.QUEUED and job.paused_at is None:
            expected[job.tenant, job.priority.value] += 1
    async with reader_pool(database.url, 1, "test") as pool:
        counted = QueueMetrics(pool)
        assert counted.metrics() == []
        await counted.read()
    found = counted.metrics()
    numbers = {
        (m.labels["tenant"], m.labels["priority"]): m.value for m in found if m.name == "kinolog_queue_jobs"
    }
    ages = [m.value for m in found if m.name == "kinolog_queue_oldest_seconds"]
    assert sum(numbers.values()) == sum(expected.values()) > 0
    totals: Counter[str] = Counter()
    for (tenant, _), number in expected.items():
        totals[tenant] += number
    largest = min(totals, key=lambda tenant: (-totals[tenant], tenant))
    assert {k: n for k, n in numbers.items() if k[0] == largest} == {
        k: n for k, n in expected.items() if k[0] == largest
    }
    assert {tenant for tenant, _ in numbers} <= {largest, OTHERS}
    assert len(ages) == len(numbers)
    assert min(ages) >= 0
