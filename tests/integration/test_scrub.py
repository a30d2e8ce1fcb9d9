"""Erased texts leave the files of a real Postgres: heap, indexes, statistics and write-ahead log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from kinolog_projector.erasure.scrub import Scrub

from kinolog.readmodel.tables import PARTITION_POSITIONS
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.builders.memory_jobs import MemoryJobs
from tests.integration.readmodel_database import Projected, projected

WORD, OTHER = "zanzibarquux", "wobblefrotz"


@pytest.fixture
async def database(own_postgres_server: PostgresServer) -> AsyncIterator[Projected]:
    """A migrated database on a Postgres of its own, with a writer."""
    async with projected(own_postgres_server.url()) as found:
        yield found


def _files_with(server: PostgresServer, word: str) -> list[str]:
    """Return the files of the server that contain a word."""
    paths = [path for path in Path(server.folder).rglob("*") if path.is_file()]
    return sorted(
        str(path.relative_to(server.folder)) for path in paths if word.encode() in path.read_bytes()
    )


async def _given_erased(database: Projected, jobs: MemoryJobs) -> None:
    """Two jobs with words of their own in each of many jobs; the one with `WORD` is erased."""
    erased = await jobs.submit(f"a red circle {WORD}")
    for number in range(200):
        await jobs.submit(f"a green ring {number} {OTHER}")
    await database.catch_up(jobs.store, jobs.keys)
    await database.connection.execute("CHECKPOINT")
    await jobs.complete(erased)
    await jobs.erase(erased)
    await database.catch_up(jobs.store, jobs.keys)


async def test_erased_texts_leave_every_file(
    database: Projected, own_postgres_server: PostgresServer
) -> None:
    """After a round no file holds the erased word; the others are still found, and nothing is left to do."""
    await _given_erased(database, MemoryJobs())
    await database.connection.execute("ANALYZE")
    before = _files_with(own_postgres_server, WORD)
    assert any(name.startswith("base/") for name in before)
    assert any(name.startswith("pg_wal/") for name in before)
    scrub = Scrub(database.url)
    assert await scrub.scrub() == 2  # with the row of the migration
    assert _files_with(own_postgres_server, WORD) == []
    assert await scrub.scrub() == 0
    cursor = await database.connection.execute(
        "SELECT count(*) FROM projection.prompts WHERE prompt LIKE %s", [f"%{OTHER}"]
    )
    assert await cursor.fetchone() == (200,)
    own_postgres_server.restart()
    assert _files_with(own_postgres_server, WORD) == []


async def test_statistics_hold_no_texts(database: Projected) -> None:
    """The planner collects no statistics of prompts: they would hold some of them."""
    await _given_erased(database, MemoryJobs())
    await database.connection.execute("ANALYZE")
    cursor = await database.connection.execute(
        "SELECT count(*) FROM pg_stats WHERE tablename LIKE 'prompts\\_%' AND attname LIKE '%prompt'"
    )
    assert await cursor.fetchone() == (0,)


async def test_a_reader_that_still_sees_the_text_is_waited_for(
    database: Projected, own_postgres_server: PostgresServer
) -> None:
    """While a snapshot shows an erased row nothing is done; later it is."""
    jobs = MemoryJobs()
    erased = await jobs.submit(f"a red circle {WORD}")
    await jobs.complete(erased)
    await database.catch_up(jobs.store, jobs.keys)
    async with await psycopg.AsyncConnection.connect(database.url) as reader:
        await reader.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await reader.execute("SELECT count(*) FROM projection.jobs")
        await jobs.erase(erased)
        await database.catch_up(jobs.store, jobs.keys)
        assert await Scrub(database.url).scrub() == 0
        await reader.rollback()
    assert await Scrub(database.url).scrub() == 2
    assert _files_with(own_postgres_server, WORD) == []


async def test_a_partition_in_use_is_done_later(
    database: Projected, own_postgres_server: PostgresServer
) -> None:
    """A partition that another transaction holds is left for the next round, which another process may do."""
    await _given_erased(database, MemoryJobs())
    async with await psycopg.AsyncConnection.connect(database.url) as reader:
        await reader.execute("LOCK TABLE projection.prompts_0 IN ACCESS SHARE MODE")
        assert await Scrub(database.url).scrub() == 0
    assert await Scrub(database.url).scrub() == 2
    assert _files_with(own_postgres_server, WORD) == []


async def test_what_an_interrupted_rebuild_left_is_dropped(
    database: Projected, own_postgres_server: PostgresServer
) -> None:
    """The tables of a rebuild that did not end hold the same texts, so they go too."""
    jobs = MemoryJobs()
    erased = await jobs.submit(f"a red circle {WORD}")
    await database.catch_up(jobs.store, jobs.keys)
    await database.connection.execute("CREATE SCHEMA projection_fresh")
    await database.connection.execute(
        "CREATE TABLE projection_fresh.prompts AS SELECT * FROM projection.prompts"
    )
    await jobs.complete(erased)
    await jobs.erase(erased)
    await database.catch_up(jobs.store, jobs.keys)
    await Scrub(database.url).scrub()
    assert _files_with(own_postgres_server, WORD) == []


async def test_prompts_are_partitioned_by_number(database: Projected) -> None:
    """Prompts of distant numbers are in partitions of their own, which come into being as they are needed."""
    rows = [
        {"number": n, "job_id": f"j{n}", "tenant": "default", "prompt": f"p{n}", "negative_prompt": None}
        for n in (1, 3 * PARTITION_POSITIONS)
    ]
    projection = database.writer._projection
    async with database.connection.transaction():
        await projection._partitions.create_missing(database.connection, [1, 3 * PARTITION_POSITIONS])
        await projection.write_prompts(database.connection, rows, [])
    cursor = await database.connection.execute(
        "SELECT tableoid::regclass::text, number FROM projection.prompts ORDER BY number"
    )
    assert await cursor.fetchall() == [
        ("projection.prompts_0", 1),
        ("projection.prompts_3", 3 * PARTITION_POSITIONS),
    ]


async def test_a_user_without_rights_on_the_log_removes_what_it_can(
    database: Projected, own_postgres_server: PostgresServer
) -> None:
    """With a database user that is no superuser the tables are rewritten, and a warning says what is left."""
    await _given_erased(database, MemoryJobs())
    execute = database.connection.execute
    await execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    for schema in ("kinolog", "projection"):
        await execute(f"GRANT ALL ON SCHEMA {schema} TO plain")
        cursor = await execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
        for (table,) in await cursor.fetchall():
            await execute(f"ALTER TABLE {schema}.{table} OWNER TO plain")
    server = own_postgres_server
    url = f"postgresql://plain:plain@{server.host}:{server.port}/kinolog"
    assert await Scrub(url).scrub() == 2
    await execute("CHECKPOINT")
    assert all(name.startswith("pg_wal/") for name in _files_with(server, WORD))
