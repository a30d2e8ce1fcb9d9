"""The writes of the projector: the same rows for any batches, whole batches or nothing, no commit twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import psycopg
import pytest
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.key_archive import ArchivedKey
from kinolog_projector.projection.projection_tables import CheckpointConflict, ProjectionTables
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.rebuild.table_hashes import table_hashes
from psycopg.pq import TransactionStatus

from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import DamagedLog
from kinolog.readmodel.database import Connection, writer_connection
from tests.adapters.memory.event_store import MemoryEventStore
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.servers import NewDatabase
from tests.fixtures.waits import until
from tests.integration.readmodel_database import Projected, projected

TABLES = {
    "activity",
    "artifacts",
    "attempts",
    "checkpoint",
    "commit_index",
    "commit_times",
    "counters",
    "depths",
    "job_spells",
    "jobs",
    "prompt_trigrams",
    "prompts",
    "rollups",
    "scenes",
    "stages",
    "timings",
    "workers",
}
FEW_AND_MANY = (50, 150)
"""Commits in a batch that is written without COPY, and with it."""


@pytest.fixture
async def memory_jobs() -> MemoryJobs:
    """A log with jobs of every kind."""
    made = MemoryJobs()
    await made.many(120)
    return made


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """An empty read model."""
    async with projected(migrated_database_url) as database:
        yield database


async def _commits(store: MemoryEventStore) -> list[RecordedCommit]:
    return [one async for batch in store.read(0) for one in batch]


async def _archive(database: Projected) -> list[tuple[int, bytes, bytes]]:
    cursor = await database.connection.execute(
        "SELECT position, raw, digest FROM kinolog.archive ORDER BY position"
    )
    return [(row[0], bytes(row[1]), bytes(row[2])) for row in await cursor.fetchall()]


async def test_rows_do_not_depend_on_the_batches(
    memory_jobs: MemoryJobs, new_migrated_database: NewDatabase
) -> None:
    """Batches of one commit, of seven, or of all give the same rows in every table."""
    hashes = []
    for batch_size in (1, 7, 10_000):
        with new_migrated_database() as url:
            async with projected(url) as database:
                await database.catch_up(memory_jobs.store, memory_jobs.keys, batch_size)
                hashes.append(await table_hashes(database.connection))
    assert set(hashes[0]) == TABLES
    assert hashes[1] == hashes[0]
    assert hashes[2] == hashes[0]


async def test_the_archive_holds_every_commit_as_it_was_stored(
    memory_jobs: MemoryJobs, database: Projected
) -> None:
    """The archive has position, bytes and digest of each commit."""
    last = await database.catch_up(memory_jobs.store, memory_jobs.keys)
    expected = [(one.position, one.raw, one.digest) for one in await _commits(memory_jobs.store)]
    assert await _archive(database) == expected
    assert await database.writer.position() == (last, expected[-1][2])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE kinolog.archive SET raw = ''",
        "DELETE FROM kinolog.archive",
        "TRUNCATE kinolog.archive",
    ],
)
async def test_the_archive_refuses_changes(memory_jobs: MemoryJobs, database: Projected, change: str) -> None:
    """The database refuses to change or delete archived commits."""
    await database.catch_up(memory_jobs.store, memory_jobs.keys)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        await database.connection.execute(change)


async def test_a_failed_side_task_leaves_the_writer_usable(
    memory_jobs: MemoryJobs, database: Projected
) -> None:
    """Partitions that a failed transaction made are made again by the next batch."""

    async def fails(connection: Connection, projection: ProjectionTables) -> None:
        await database.writer.key_archive.store(connection, [ArchivedKey("key", b"wrapped", 1)])
        raise psycopg.OperationalError("no space left on device")

    with pytest.raises(psycopg.OperationalError):
        await database.writer.run_exclusively(fails)
    assert await database.catch_up(memory_jobs.store, memory_jobs.keys)


@pytest.mark.parametrize("size", FEW_AND_MANY)
async def test_a_refused_batch_writes_nothing(
    memory_jobs: MemoryJobs, database: Projected, size: int
) -> None:
    """A batch of which the database refuses one row writes none of it, and another writer on the connection all."""
    commits = (await _commits(memory_jobs.store))[:size]
    batch = await BatchPreparer(memory_jobs.store, memory_jobs.keys).prepare(0, commits)
    await database.connection.execute(
        "ALTER TABLE projection.jobs ADD CONSTRAINT refused CHECK (urgency < 0)"
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        await database.writer.apply(batch)
    assert database.connection.info.transaction_status is TransactionStatus.IDLE
    assert await _archive(database) == []
    await database.connection.execute("ALTER TABLE projection.jobs DROP CONSTRAINT refused")
    writer = BatchWriter(database.connection)
    await writer.apply(batch)
    assert await _archive(database) == [(one.position, one.raw, one.digest) for one in commits]
    assert await writer.position() == (size, commits[-1].digest)


@pytest.mark.parametrize("size", FEW_AND_MANY)
async def test_an_interrupted_batch_writes_nothing(
    memory_jobs: MemoryJobs, migrated_database_url: str, size: int
) -> None:
    """A connection that fails in a batch writes none of it, and the next attempt writes all of it."""
    commits = await _commits(memory_jobs.store)
    preparer = BatchPreparer(memory_jobs.store, memory_jobs.keys)
    async with projected(migrated_database_url) as database:
        await database.writer.apply(await preparer.prepare(0, commits[:50]))
        before = await table_hashes(database.connection)
    dying = await writer_connection(migrated_database_url, "dying")
    writer = BatchWriter(dying)
    killer = await writer_connection(migrated_database_url, "killer")
    async with killer:
        await killer.execute("BEGIN")
        # The writer waits at the projection, its checkpoints moved already, when its connection is cut.
        await killer.execute("LOCK TABLE projection.jobs IN ACCESS EXCLUSIVE MODE")
        writing = asyncio.create_task(writer.apply(await preparer.prepare(50, commits[50 : 50 + size])))
        await _until_blocked(killer, dying.info.backend_pid)
        await killer.execute("SELECT pg_terminate_backend(%s)", [dying.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            await writing
        await killer.execute("ROLLBACK")
    with suppress(psycopg.Error):
        await dying.close()
    async with projected(migrated_database_url) as database:
        assert (await database.writer.position())[0] == 50
        assert len(await _archive(database)) == 50
        assert await table_hashes(database.connection) == before
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
        assert len(await _archive(database)) == len(commits)


async def _until_blocked(connection: psycopg.AsyncConnection[tuple[object, ...]], process: int) -> None:
    """Wait until another connection waits for a lock."""

    async def blocked() -> bool:
        cursor = await connection.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [process])
        row = await cursor.fetchone()
        return row is not None and bool(row[0])

    await until(blocked, "the connection waits for a lock")


async def test_racing_writers_write_each_commit_once(
    memory_jobs: MemoryJobs, migrated_database_url: str, new_migrated_database: NewDatabase
) -> None:
    """Three competing writers write the same rows as one; the slower ones get `CheckpointConflict`."""
    commits = await _commits(memory_jobs.store)
    preparer = BatchPreparer(memory_jobs.store, memory_jobs.keys)

    async def race(size: int) -> int:
        overtaken = 0
        async with await writer_connection(migrated_database_url, "racer") as connection:
            writer = BatchWriter(connection)
            while (position := (await writer.position())[0]) < len(commits):
                part = commits[position : position + size]
                try:
                    await writer.apply(await preparer.prepare(position, part))
                except CheckpointConflict:
                    overtaken += 1
        return overtaken

    overtaken = await asyncio.gather(race(5), race(11), race(17))
    assert sum(overtaken) > 0
    async with projected(migrated_database_url) as database:
        assert len(await _archive(database)) == len(commits)
        raced = await table_hashes(database.connection)
    with new_migrated_database() as url:
        async with projected(url) as unraced:
            await unraced.catch_up(memory_jobs.store, memory_jobs.keys)
            assert await table_hashes(unraced.connection) == raced


async def test_a_gap_is_refused(memory_jobs: MemoryJobs, database: Projected) -> None:
    """Commits with a gap are not written; the message has its positions."""
    commits = await _commits(memory_jobs.store)
    preparer = BatchPreparer(memory_jobs.store, memory_jobs.keys)
    holes: Sequence[list[RecordedCommit]] = (commits[1:5], [*commits[:3], *commits[4:6]])
    for some in holes:
        with pytest.raises(DamagedLog, match="commits are missing"):
            await preparer.prepare(0, some)
    assert (await database.writer.position())[0] == 0


async def test_erased_jobs_keep_no_prompt(database: Projected) -> None:
    """The prompt is stored until the job is erased, and NULL afterwards; its artifacts are removed."""
    memory_jobs = MemoryJobs()
    job_id = await memory_jobs.submit("a very private prompt")
    await memory_jobs.complete(job_id)
    await database.catch_up(memory_jobs.store, memory_jobs.keys)
    assert await _prompt(database, job_id) == "a very private prompt"
    await memory_jobs.erase(job_id)
    await database.catch_up(memory_jobs.store, memory_jobs.keys)
    assert await _prompt(database, job_id) is None
    cursor = await database.connection.execute(
        "SELECT (SELECT count(*) FROM projection.artifacts), erased, artifacts FROM projection.jobs"
    )
    assert await cursor.fetchone() == (0, True, [])


async def _prompt(database: Projected, job_id: str) -> str | None:
    cursor = await database.connection.execute(
        "SELECT prompt FROM projection.prompts JOIN projection.jobs USING (number) WHERE id = %s", [job_id]
    )
    row = await cursor.fetchone()
    assert row is not None
    return None if row[0] is None else str(row[0])


async def test_impossible_rows_are_refused_by_the_database(
    memory_jobs: MemoryJobs, database: Projected
) -> None:
    """The database checks the invariants of jobs, whatever a program tries to write."""
    await database.catch_up(memory_jobs.store, memory_jobs.keys)
    for change in (
        "UPDATE projection.jobs SET status = 'lost'",
        "UPDATE projection.jobs SET media = NULL WHERE status = 'completed'",
        "UPDATE projection.jobs SET finished_at = NULL WHERE status = 'failed'",
        "UPDATE projection.jobs SET percent = 101",
        "UPDATE projection.jobs SET scenes_rendered = scene_count + 1",
        "UPDATE projection.jobs SET urgency = 4",
        "UPDATE projection.counters SET jobs = -1",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            await database.connection.execute(change)
