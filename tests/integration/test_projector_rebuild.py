"""Rebuilding the read models beside the live ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from kinolog_projector.projection.live_progress import write_live_progress
from kinolog_projector.rebuild.rebuild import Rebuild
from kinolog_projector.rebuild.table_hashes import table_hashes

from kinolog.job.values import Stage, Status
from kinolog.ports.progress import Progress
from kinolog.ports.read_model import JobFilter, JobQuery, SortField, SortOrder, TimeRange
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog.readmodel.queries import job_list
from tests.builders.memory_jobs import START, MemoryJobs
from tests.fixtures.waits import WAIT_SECONDS
from tests.integration.readmodel_database import Projected, projected
from tests.integration.running_projector import projecting, write_until

MANY_READS = 20
SPAN = TimeRange(start=START, end=START.replace(day=2))


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """An empty read model."""
    async with projected(migrated_database_url) as database:
        yield database


async def test_a_rebuild_ends_with_the_same_rows(database: Projected) -> None:
    """A rebuild from the log gives the same rows, counters and indexes."""
    memory_jobs = MemoryJobs()
    await memory_jobs.many(150)
    position = await database.catch_up(memory_jobs.store, memory_jobs.keys, 31)
    before = await table_hashes(database.connection)
    indexes = await _indexes(database)
    rebuilt = await Rebuild(database.url, memory_jobs.store, memory_jobs.keys, batch_size=200).run()
    assert rebuilt.position == position
    assert await table_hashes(database.connection) == before
    assert await _indexes(database) == indexes
    assert await _schemas(database) == ["projection"]
    await memory_jobs.many(10)
    await database.catch_up(memory_jobs.store, memory_jobs.keys)


async def test_a_rebuild_removes_what_an_earlier_one_left(database: Projected) -> None:
    """The schema of an interrupted rebuild does not prevent the next one."""
    memory_jobs = MemoryJobs()
    await memory_jobs.many(10)
    await database.catch_up(memory_jobs.store, memory_jobs.keys)
    before = await table_hashes(database.connection)
    await database.connection.execute("CREATE SCHEMA projection_fresh")
    await database.connection.execute("CREATE TABLE projection_fresh.jobs (id text)")
    await Rebuild(database.url, memory_jobs.store, memory_jobs.keys).run()
    assert await table_hashes(database.connection) == before


async def test_percentages_of_running_jobs_survive_a_rebuild(database: Projected) -> None:
    """A rebuild copies the last live progress, in the row and in the order by progress."""
    memory_jobs = MemoryJobs()
    job_id = await memory_jobs.submit()
    attempt = await memory_jobs.start(job_id)
    await database.catch_up(memory_jobs.store, memory_jobs.keys)
    reported = Progress(
        job_id=job_id,
        attempt=attempt,
        at=memory_jobs.now,
        worker="worker-1",
        stage=Stage.DENOISE,
        scene=0,
        scenes=1,
        step=4,
        steps=10,
        percent=42.0,
        eta_seconds=3.5,
    )
    await write_live_progress(database.writer, [reported], [])
    await Rebuild(database.url, memory_jobs.store, memory_jobs.keys).run()
    cursor = await database.connection.execute("SELECT percent, eta_seconds FROM projection.jobs")
    assert await cursor.fetchone() == (42.0, 3.5)
    await memory_jobs.record_stages(job_id, attempt)
    # The counters would go below zero if the rebuild had not moved them.
    await database.catch_up(memory_jobs.store, memory_jobs.keys)


async def test_no_read_fails_while_a_rebuild_is_swapped_in(
    migrated_database_url: str, database: Projected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load all reads succeed during rebuilds, and the rows are those of the log at the end."""
    monkeypatch.setattr(job_list, "SHALLOW_OFFSET", 0)
    memory_jobs = MemoryJobs()
    await memory_jobs.many(120)
    stop = asyncio.Event()
    reads = 0

    async def read(model: PostgresReadModel) -> None:
        nonlocal reads
        seen = 0
        while not stop.is_set():
            page = await model.list_jobs("default", JobQuery(page_size=5, offset=3))
            assert page.position >= seen
            assert len(page.rows) == 5
            seen = page.position
            queued = JobFilter(statuses=(Status.QUEUED, Status.COMPLETED))
            listed = await model.list_jobs(
                "default", JobQuery(filter=queued, order=SortOrder(SortField.PRIORITY), page_size=1_000)
            )
            assert listed.total == len(listed.rows)
            summary = await model.summarize("default", JobFilter())
            assert summary.total > 0
            assert (await model.overview("default", SPAN)).submitted >= summary.total
            reads += 4

    model = await PostgresReadModel.connect(migrated_database_url, 4)
    async with projecting(migrated_database_url, memory_jobs):
        await model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)
        async with asyncio.TaskGroup() as group:
            group.create_task(write_until(stop, memory_jobs))
            for _ in range(3):
                group.create_task(read(model))
            rebuilds = 0
            while rebuilds < 3 or reads <= MANY_READS:
                await Rebuild(
                    migrated_database_url, memory_jobs.store, memory_jobs.keys, batch_size=300
                ).run()
                rebuilds += 1
            stop.set()
        last = await memory_jobs.store.last_position()
        await model.wait_for(last, WAIT_SECONDS)
    await model.close()
    live = await table_hashes(database.connection)
    await Rebuild(migrated_database_url, memory_jobs.store, memory_jobs.keys).run()
    assert await table_hashes(database.connection) == live
    assert await _schemas(database) == ["projection"]


async def _schemas(database: Projected) -> list[str]:
    cursor = await database.connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'projection%' ORDER BY nspname"
    )
    return [row[0] for row in await cursor.fetchall()]


async def _indexes(database: Projected) -> list[tuple[str, str]]:
    cursor = await database.connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'projection' ORDER BY indexname"
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]
