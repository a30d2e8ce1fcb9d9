"""Which jobs are erased, as found in lists that lag, in the archive and in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from kinolog_projector.restore.erasure_note import ErasureNote, archived_erasures, logged_erasures

from kinolog.ports.raw_log import RawCommit
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.builders.memory_jobs import MemoryJobs
from tests.integration.readmodel_database import Projected, projected


@dataclass(frozen=True, slots=True)
class ErasedTwice:
    """A log with three jobs. One is erased in the lists; another one after them."""

    jobs: MemoryJobs
    database: Projected
    listed: str
    later: str
    listed_until: int

    @property
    def log(self) -> MemoryRawLog:
        """The bytes of the log."""
        return MemoryRawLog(self.jobs.store)

    async def archived(self) -> ErasureNote:
        """Return what the database tells."""
        return await archived_erasures(self.database.connection)

    async def lag(self) -> None:
        """Archive the whole log, and put the lists back to where they were."""
        await self.database.catch_up(self.jobs.store, self.jobs.keys)
        connection = self.database.connection
        await connection.execute("UPDATE projection.checkpoint SET position = %s", [self.listed_until])
        await connection.execute("UPDATE projection.jobs SET erased = false WHERE id = %s", [self.later])


@pytest.fixture
async def erased_twice(migrated_database_url: str) -> AsyncIterator[ErasedTwice]:
    """A database that does not contain the second erasure."""
    jobs = MemoryJobs()
    listed, later, _kept = [await jobs.submit() for _ in range(3)]
    for job_id in (listed, later):
        await jobs.complete(job_id)
    await jobs.erase(listed)
    async with projected(migrated_database_url) as database:
        until = await database.catch_up(jobs.store, jobs.keys)
        await jobs.erase(later)
        yield ErasedTwice(jobs, database, listed, later, until)


async def test_the_log_has_what_the_database_lacks(erased_twice: ErasedTwice) -> None:
    """On a full disk the database stays behind the log, which goes on."""
    last = await erased_twice.jobs.store.last_position()
    archived = await erased_twice.archived()
    assert (archived.jobs, archived.position) == ({erased_twice.listed}, erased_twice.listed_until)
    logged = await logged_erasures(erased_twice.log, archived.position)
    assert logged == ErasureNote(position=last, last=last, jobs={erased_twice.later})
    assert (await logged_erasures(erased_twice.log, last)).jobs == set()


async def test_the_archive_has_what_the_lists_lack(erased_twice: ErasedTwice) -> None:
    """Lists that wait for a rebuild are behind the archive."""
    await erased_twice.lag()
    last = await erased_twice.jobs.store.last_position()
    assert await erased_twice.archived() == ErasureNote(
        position=last, last=last, jobs={erased_twice.listed, erased_twice.later}
    )


@pytest.mark.parametrize("lost", ["TABLE projection.jobs", "SCHEMA projection"])
async def test_the_archive_is_enough(erased_twice: ErasedTwice, lost: str) -> None:
    """A database without lists, such as one whose first rebuild was interrupted, still tells what is erased."""
    await erased_twice.lag()
    await erased_twice.database.connection.execute(f"DROP {lost} CASCADE".encode())
    assert (await erased_twice.archived()).jobs == {erased_twice.listed, erased_twice.later}


async def test_the_log_is_enough(erased_twice: ErasedTwice) -> None:
    """Without a database that can be read the whole log is."""
    assert (await logged_erasures(erased_twice.log, 0)).jobs == {erased_twice.listed, erased_twice.later}


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_commit_that_cannot_be_read_bounds_the_note(
    erased_twice: ErasedTwice, *, is_lost: bool
) -> None:
    """Later erasures are noted too, but the position says up to where nothing is missing."""
    log, last = erased_twice.log, await erased_twice.jobs.store.last_position()
    if is_lost:
        log.lost.add(2)
    else:
        log.replaced[2] = RawCommit(2, erased_twice.listed, b"no commit")
    found = await logged_erasures(log, 0)
    assert (found.position, found.last) == (1, last)
    assert found.jobs == {erased_twice.listed, erased_twice.later}


async def test_a_damaged_row_bounds_the_note(erased_twice: ErasedTwice) -> None:
    """The log is read from there on."""
    await erased_twice.lag()
    connection = erased_twice.database.connection
    await connection.execute("DROP SCHEMA projection CASCADE")
    await connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER append_only")
    await connection.execute("DELETE FROM kinolog.archive WHERE position = 3")
    found = await erased_twice.archived()
    assert (found.position, found.last) == (2, await erased_twice.jobs.store.last_position())
    assert found.jobs == {erased_twice.listed, erased_twice.later}
