"""A running projector makes read models again that it cannot use."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import psycopg
import pytest
from kinolog_projector.projection.projector import Projector
from kinolog_projector.rebuild.healing import ReadModelHealing
from kinolog_projector.rebuild.table_hashes import table_hashes
from kinolog_projector.schema.advisory_locks import REBUILD_LOCK

from kinolog.process.backoff import Backoff
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.damage import flip_in_table
from tests.fixtures.waits import until_true
from tests.integration.readmodel_database import Projected, projected
from tests.integration.running_projector import projecting

AT_ONCE = Backoff(first_seconds=0.0, longest_seconds=0.0)


@pytest.fixture
async def database(migrated_database_url: str, memory_jobs: MemoryJobs) -> AsyncIterator[Projected]:
    """Read models of the jobs."""
    async with projected(migrated_database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
        yield database


def healing(url: str, memory_jobs: MemoryJobs, pauses: Backoff = AT_ONCE) -> ReadModelHealing:
    """Return what heals the read models of the jobs."""
    return ReadModelHealing(url, memory_jobs.store, memory_jobs.keys, 50, pauses)


async def has_caught_up(projector: Projector, memory_jobs: MemoryJobs) -> None:
    """Wait until a projector has every commit and no problem."""
    last = await memory_jobs.store.last_position()
    await until_true(lambda: projector.position == last and not projector.missing(), "it has caught up")


@pytest.mark.parametrize(
    "change",
    [
        "DROP SCHEMA projection CASCADE",
        "DROP TABLE projection.jobs CASCADE",
        "ALTER TABLE projection.jobs DROP COLUMN percent",
        "UPDATE projection.counters SET jobs = 0",
        "UPDATE projection.checkpoint SET position = position - 1",
    ],
)
async def test_changed_read_models_are_made_again(
    database: Projected, memory_jobs: MemoryJobs, change: bytes
) -> None:
    """The next commit is projected, and the rows are those of an undisturbed projection."""
    rebuild = healing(database.url, memory_jobs).run
    queued = await memory_jobs.submit()
    async with projecting(database.url, memory_jobs, rebuild=rebuild) as projector:
        await has_caught_up(projector, memory_jobs)
        await database.connection.execute(change)
        await memory_jobs.complete(queued)
        await has_caught_up(projector, memory_jobs)
    healed = await table_hashes(database.connection)
    await healing(database.url, memory_jobs).run()
    assert await table_hashes(database.connection) == healed


async def test_a_damaged_index_is_made_again(
    own_postgres_server: PostgresServer, memory_jobs: MemoryJobs
) -> None:
    """No person runs a command: the write that meets the page has the read models rebuilt."""
    url = own_postgres_server.url()
    async with projected(url) as database:
        await memory_jobs.submit()
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    flip_in_table(own_postgres_server, url, "projection.jobs_pkey", 1)
    rebuild = healing(own_postgres_server.url(), memory_jobs).run
    async with projecting(own_postgres_server.url(), memory_jobs, rebuild=rebuild) as projector:
        await memory_jobs.submit()
        await has_caught_up(projector, memory_jobs)


async def test_another_version_is_not_replaced(database: Projected, memory_jobs: MemoryJobs) -> None:
    """An older projector that runs on in an upgrade leaves the read models of the newer one alone."""
    await database.connection.execute(
        "UPDATE projection.checkpoint SET projection_version = projection_version + 1"
    )
    failure = await healing(database.url, memory_jobs).run()
    assert re.search(r"the read models have version \d+, this program needs", failure)
    cursor = await database.connection.execute("SELECT to_regnamespace('projection_fresh') IS NULL")
    assert await cursor.fetchone() == (True,)


async def test_the_next_rebuild_waits(database: Projected, memory_jobs: MemoryJobs) -> None:
    """Read models that are damaged again and again are not rebuilt in a loop; what helps is said meanwhile."""
    late = Backoff(first_seconds=3_600.0, longest_seconds=3_600.0)
    rebuild = healing(database.url, memory_jobs, late).run
    async with projecting(database.url, memory_jobs, rebuild=rebuild) as projector:
        await until_true(lambda: projector.leads, "the projector leads")
        await database.connection.execute("DROP SCHEMA projection CASCADE")
        await memory_jobs.submit()
        await has_caught_up(projector, memory_jobs)
        await database.connection.execute("DROP SCHEMA projection CASCADE")
        await memory_jobs.submit()
        told = "not long ago. Make them again with: kinolog projections rebuild"
        await until_true(lambda: told in projector.damage, "the command is named")
        assert projector.missing() == [projector.damage]


async def test_a_rebuild_that_does_not_begin_is_told(database: Projected, memory_jobs: MemoryJobs) -> None:
    """While another process rebuilds, this one says so and tries again."""
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as other:
        await other.execute("SELECT pg_advisory_lock(%s)", [REBUILD_LOCK])
        failure = await healing(database.url, memory_jobs).run()
    assert "another process is rebuilding" in failure
    assert await healing(database.url, memory_jobs).run() == ""
