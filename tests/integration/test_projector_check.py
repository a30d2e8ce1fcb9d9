"""Comparing the read models with a replay of the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import LiteralString

import pytest
from kinolog_projector.rebuild.replay_check import ReplayCheck

from kinolog.readmodel.postgres import PostgresReadModel
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.waits import WAIT_SECONDS
from tests.integration.readmodel_database import Projected, projected
from tests.integration.running_projector import projecting, write_until


@pytest.fixture
async def database(migrated_database_url: str, memory_jobs: MemoryJobs) -> AsyncIterator[Projected]:
    """The read models of a log with jobs in every state."""
    await memory_jobs.many(60)
    async with projected(migrated_database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys, 31)
        yield database


async def test_read_models_that_follow_from_the_log(database: Projected, memory_jobs: MemoryJobs) -> None:
    """Nothing differs, and nothing is left behind."""
    checked = await ReplayCheck(database.url, memory_jobs.store, memory_jobs.keys, 50).run()
    assert (checked.position, checked.differences) == (await memory_jobs.store.last_position(), [])
    cursor = await database.connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'proj%'")
    assert await cursor.fetchall() == [("projection",)]


@pytest.mark.parametrize(
    ("change", "table", "named"),
    [
        ("UPDATE projection.jobs SET seed = seed + 1 WHERE number = 1", "jobs", "changed id=job"),
        ("DELETE FROM projection.jobs WHERE number = 1", "jobs", "missing id=job"),
        (
            "DELETE FROM projection.scenes WHERE job_id = 'job' || lpad('3', 23, '0')",
            "scenes",
            "missing job_id",
        ),
        ("UPDATE projection.prompts SET prompt = 'another' WHERE number = 1", "prompts", "changed number=1"),
        (
            "UPDATE projection.counters SET jobs = jobs + 1 WHERE sort = 'created_at'",
            "counters",
            "changed tenant",
        ),
        (
            "DELETE FROM projection.activity WHERE position = 5",
            "activity",
            "missing tenant=default position=5",
        ),
        ("UPDATE projection.rollups SET submitted = submitted + 1", "rollups", "changed tenant"),
        (
            "INSERT INTO projection.workers VALUES ('nobody', '', 1, 1, 1, 1, 1)",
            "workers",
            "too many worker=nobody",
        ),
    ],
)
async def test_a_difference_is_named(
    database: Projected, memory_jobs: MemoryJobs, change: LiteralString, table: str, named: str
) -> None:
    """A changed, a deleted and an inserted row are found in their table, and named by their key."""
    await database.connection.execute("SET enable_seqscan = on")
    cursor = await database.connection.execute(change)
    assert cursor.rowcount > 0
    checked = await ReplayCheck(database.url, memory_jobs.store, memory_jobs.keys).run()
    assert [difference.table for difference in checked.differences] == [table]
    assert named in str(checked.differences[0])


async def test_a_check_beside_a_projector_under_load(database: Projected, memory_jobs: MemoryJobs) -> None:
    """Jobs arrive and are projected during the check, and nothing differs."""
    model = await PostgresReadModel.connect(database.url, 2)
    stop = asyncio.Event()

    async with projecting(database.url, memory_jobs):
        await model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)
        async with asyncio.TaskGroup() as group:
            group.create_task(write_until(stop, memory_jobs))
            for _ in range(3):
                checked = await ReplayCheck(database.url, memory_jobs.store, memory_jobs.keys, 100).run()
                assert checked.differences == []
            stop.set()
        last = await memory_jobs.store.last_position()
        assert await model.wait_for(last, WAIT_SECONDS) == last
    await model.close()
