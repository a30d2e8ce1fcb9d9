"""What a restore makes of two copies of a log that differ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.whole_comparison import compare_all
from kinolog_projector.restore.archive_repair import RepairedArchive, Trust, repair_archive
from kinolog_projector.restore.inspection import Inspection, inspect_all

from kinolog.codec.commits import encode_commit
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.raw_log import RawCommit
from kinolog.readmodel.database import writer_connection
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.log import first_commit
from tests.integration.readmodel_database import Projected, projected

AT = 9
"""The position that a test damages."""


@dataclass(frozen=True, slots=True)
class TwoCopies:
    """A log and its archive."""

    jobs: MemoryJobs
    log: MemoryRawLog
    database: Projected

    async def inspect(self) -> Inspection:
        """Return what a restore would do."""
        return await inspect_all(self.database.connection, self.log, self.jobs.keys, self.jobs.keys.unwrap)

    async def repair(self, trust: Trust | None = None) -> RepairedArchive:
        """Repair the archive."""
        async with await writer_connection(self.database.url, "test") as writer:
            return await repair_archive(self.database.connection, writer, self.log, trust)

    async def archived(self, position: int) -> bytes:
        """Return the archived bytes at a position."""
        rows = await ArchiveReader(self.database.connection).rows(position - 1, position)
        return rows[position].raw

    async def given_unarchived(self, count: int) -> list[str]:
        """Submit jobs that are not archived. Return their ids."""
        return [await self.jobs.submit(f"late {number}") for number in range(count)]


@pytest.fixture
async def copies(memory_jobs: MemoryJobs, migrated_database_url: str) -> AsyncIterator[TwoCopies]:
    """A log, and an archive that contains it."""
    async with projected(migrated_database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
        yield TwoCopies(memory_jobs, MemoryRawLog(memory_jobs.store), database)


def another_commit(position: int, job_id: str) -> RawCommit:
    """Return an intact commit that the log does not hold."""
    return RawCommit(position, job_id, encode_commit(first_commit(job_id, "another")).raw)


async def test_two_whole_copies_need_nothing(copies: TwoCopies) -> None:
    """There is nothing to restore, and the hash covers every commit."""
    found = await copies.inspect()
    assert found.is_whole
    assert found.commits == await copies.jobs.store.last_position()
    assert len(found.hash) == 64


async def test_commits_that_are_not_archived_are_archived(copies: TwoCopies) -> None:
    """A restore does not end with commits in one copy alone."""
    await copies.given_unarchived(2)
    found = await copies.inspect()
    assert (found.is_whole, found.ahead, found.replace_log) == (False, 2, False)
    assert found.steps[0] == "archive what is in the log alone: 2 commits"


async def test_a_forged_commit_needs_a_person(copies: TwoCopies) -> None:
    """Where both copies are intact and differ, nothing is done until the operator says which is right."""
    stored = (await copies.log.stored(AT - 1, AT))[AT]
    copies.log.replaced[AT] = another_commit(AT, stored.job_id)
    assert (await copies.inspect()).replace_log
    with pytest.raises(DamagedLog, match=rf"different commits at 1 position \({AT}\).*--trust log"):
        await copies.repair()
    await copies.repair(Trust.ARCHIVE)
    assert await copies.archived(AT) == stored.raw
    await copies.repair(Trust.LOG)
    assert await copies.archived(AT) == copies.log.replaced[AT].raw
    assert (await compare_all(copies.log, ArchiveReader(copies.database.connection))).log_is_whole


async def test_a_commit_that_both_have_lost_ends_the_restore(copies: TwoCopies) -> None:
    """It is named, and the archive stays as it is."""
    copies.log.lost.add(AT)
    await copies.database.connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER append_only")
    await copies.database.connection.execute("DELETE FROM kinolog.archive WHERE position = %s", [AT])
    with pytest.raises(DamagedLog, match=rf"position {AT} is intact neither.*kinolog restore --from"):
        await copies.repair()
    cursor = await copies.database.connection.execute("SELECT count(*) FROM kinolog.archive")
    assert await cursor.fetchone() == (await copies.jobs.store.last_position() - 1,)


async def test_a_damaged_end_that_was_not_archived_is_cut(copies: TwoCopies) -> None:
    """The commit is lost; jobs that were submitted after it are queued again in its place."""
    archived = await copies.jobs.store.last_position()
    _, second, third = await copies.given_unarchived(3)
    copies.log.lost.add(archived + 1)
    found = await copies.inspect()
    assert any("not archived yet and so lost: 1 commit" in line for line in found.found)
    repaired = await copies.repair()
    assert (repaired.position, repaired.requeued, repaired.dropped) == (archived + 2, [second, third], [])
    rows = await ArchiveReader(copies.database.connection).rows(archived, archived + 2)
    assert [row.job_id for row in rows.values()] == [second, third]


async def test_the_repaired_archive_is_append_only_as_before(copies: TwoCopies) -> None:
    """The table that replaces the archive has its trigger, its indexes and its names."""
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'archive' ORDER BY indexname"
    cursor = await copies.database.connection.execute(indexes)
    before = await cursor.fetchall()
    await copies.repair()
    cursor = await copies.database.connection.execute(indexes)
    assert await cursor.fetchall() == before
    with pytest.raises(Exception, match="the archive is append-only: DELETE is refused"):
        await copies.database.connection.execute("DELETE FROM kinolog.archive")
    await copies.given_unarchived(1)
    last = await copies.database.catch_up(copies.jobs.store, copies.jobs.keys)
    assert await ArchiveReader(copies.database.connection).position() == last
