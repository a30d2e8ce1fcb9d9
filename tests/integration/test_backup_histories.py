"""A folder takes the backups of one history: what another log would replace may be the last copy of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import pytest
from kinolog_projector.backup import backup
from kinolog_projector.backup.segment_comparison import ArchiveBehind, OtherHistory
from kinolog_projector.backup.table_copy import DamagedCopy, OtherRow
from kinolog_projector.restore.archive_repair import repair_archive

from kinolog.adapters.obstore.configured_store import artifacts_at
from kinolog.backup.folder import MANIFEST, BackupFolder
from kinolog.codec.commits import encode_commit
from kinolog.job.commands import Cancel, Erase
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.raw_log import RawCommit
from kinolog.readmodel.database import writer_connection
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.builders.jobs import job_input
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.damage import flip_byte, flip_in_table
from tests.fixtures.log import first_commit
from tests.fixtures.master_key import MASTER_KEYS
from tests.fixtures.servers import NewDatabase
from tests.fixtures.waits import until_true
from tests.integration.backed_up_log import BackedUpLog
from tests.integration.readmodel_database import Projected, projected


@pytest.fixture
async def backed_up(
    migrated_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BackedUpLog]:
    """Ten jobs in a backup with segments of four commits."""
    monkeypatch.setattr(backup, "SEGMENT_COMMITS", 4)
    jobs = MemoryJobs()
    async with projected(migrated_database_url) as database:
        log = MemoryRawLog(jobs.store)
        made = BackedUpLog(jobs, log, database, BackupFolder(tmp_path / "backup"), tmp_path / "artifacts")
        await made.submit(10)
        await made.back_up()
        yield made


@asynccontextmanager
async def emptied(
    made: BackedUpLog, new_database: NewDatabase, jobs: MemoryJobs
) -> AsyncIterator[BackedUpLog]:
    """Backups of a log into the same folder, from a database that was just made."""
    with new_database() as url:
        async with projected(url) as database:
            yield replace(made, jobs=jobs, log=MemoryRawLog(jobs.store), database=database)


async def test_the_same_history_is_continued(backed_up: BackedUpLog) -> None:
    """Full segments stay as they are, and the last one and a damaged one are written again."""
    await backed_up.submit(3)
    made = await backed_up.back_up()
    assert (made.position, made.new_commits) == (13, 5)
    (first, *_) = backed_up.folder.checked_manifest().segments
    flip_byte(backed_up.folder.path / first.path, 40)
    assert (await backed_up.back_up()).new_commits == 13
    assert backed_up.folder.checked_manifest().position == 13


async def test_what_a_job_starts_from_is_backed_up(backed_up: BackedUpLog) -> None:
    """Before the job has rendered anything, and no longer once it is erased. Its file stays sealed."""
    store = artifacts_at(backed_up.artifacts.as_uri())
    (backed_up.artifacts.parent / "sealed").write_bytes(b"sealed content")
    stored = await store.commit(await store.stage(backed_up.artifacts.parent / "sealed", "job"), ".sealed")
    await backed_up.jobs.submit_sealed("job", "a fox", {"inputs": (job_input(stored.key),)})
    await backed_up.submit(0)
    assert (await backed_up.back_up()).artifacts == 1
    (file,) = backed_up.folder.checked_manifest().artifacts
    assert (backed_up.folder.path / file.path).read_bytes() == b"sealed content"
    await backed_up.jobs.send("job", Cancel(id="c", actor="ann"), Erase(id="e", actor="ann"))
    await backed_up.submit(0)
    assert (await backed_up.back_up()).artifacts == 0


@pytest.mark.parametrize("position", [2, 10])
async def test_another_commit_is_not_written_over_the_old_one(backed_up: BackedUpLog, position: int) -> None:
    """In the middle of a full segment and at the end: log and archive agree, but the backup holds another commit."""
    stored = (await backed_up.log.stored(position - 1, position))[position]
    encoded = encode_commit(first_commit(stored.job_id, "another"))
    backed_up.log.replaced[position] = RawCommit(position, stored.job_id, encoded.raw)
    connection = backed_up.database.connection
    await connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER append_only")
    await connection.execute(
        "UPDATE kinolog.archive SET raw = %s, digest = %s WHERE position = %s",
        [encoded.raw, encoded.digest, position],
    )
    manifest = (backed_up.folder.path / MANIFEST).read_bytes()
    with pytest.raises(OtherHistory, match=r"not those of its log.*Name another folder"):
        await backed_up.back_up()
    assert (backed_up.folder.path / MANIFEST).read_bytes() == manifest
    backed_up.folder.checked_manifest()


@pytest.mark.parametrize("last", [0, 7])
async def test_a_log_that_lost_commits_does_not_replace_their_backup(
    backed_up: BackedUpLog, new_migrated_database: NewDatabase, last: int
) -> None:
    """Such as a new data folder after the old one was lost, whose first nightly backup would delete everything."""
    async with emptied(backed_up, new_migrated_database, MemoryJobs()) as other:
        await other.submit(last)
        with pytest.raises(OtherHistory, match=f"positions {last + 1} to 10.*Restore this backup only if"):
            await other.back_up()
    assert backed_up.folder.checked_manifest().position == 10


async def test_an_archive_that_is_still_filled_is_no_other_history(
    backed_up: BackedUpLog, new_migrated_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Postgres lost the archive begins at 0, and the log has everything. A backup is made when both have."""
    await backed_up.submit(3)
    async with emptied(backed_up, new_migrated_database, backed_up.jobs) as other:
        monkeypatch.setattr(backup, "STILL_SECONDS", 0)
        with pytest.raises(ArchiveBehind, match=r"0 of 13 commits. Nothing was changed. Try again"):
            await other.back_up()
        assert backed_up.folder.checked_manifest().position == 10
        await other.submit(0)
        made = await other.back_up()
    assert (made.position, made.new_commits) == (13, 5)


@pytest.mark.parametrize("position", [2, 10])
@pytest.mark.parametrize(
    ("change", "damage"),
    [
        (
            "UPDATE kinolog.archive SET raw = overlay(raw PLACING 'x' FROM 9)",
            "its row in the archive is damaged",
        ),
        ("DELETE FROM kinolog.archive", "the archive has lost it"),
    ],
)
async def test_a_damaged_row_is_no_other_history(
    backed_up: BackedUpLog, change: LiteralString, damage: str, position: int
) -> None:
    """In a segment that is backed up and in the last one: the archive is wrong, and its repair is what helps."""
    connection, log = backed_up.database.connection, backed_up.log
    await connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER append_only")
    await connection.execute(f"{change} WHERE position = {position}")
    manifest = (backed_up.folder.path / MANIFEST).read_bytes()
    with pytest.raises(
        DamagedLog, match=rf"nothing was backed up: .*position {position} .*{damage}.*kinolog restore"
    ):
        await backed_up.back_up()
    assert (backed_up.folder.path / MANIFEST).read_bytes() == manifest
    async with await writer_connection(backed_up.database.url, "test") as writer:
        await repair_archive(connection, writer, log)
    assert (await backed_up.back_up()).new_commits == 2


@pytest.mark.parametrize(
    ("table", "page", "problem"),
    [
        ("kinolog.archive", 0, "position 1 .*its row in the archive is damaged.*kinolog restore"),
        ("kinolog.archive_pkey", 1, "index kinolog.archive_pkey: invalid page.*kinolog restore"),
        ("kinolog.log_checkpoint", 0, "table kinolog.log_checkpoint: invalid page.*kinolog restore"),
        ("projection.scenes", 0, "table projection.scenes: invalid page.*kinolog projections rebuild"),
    ],
)
async def test_a_damaged_page_is_no_other_history(
    own_postgres_server: PostgresServer, tmp_path: Path, table: str, page: int, problem: str
) -> None:
    """A page that a backup reads, of the archive or beside it: the damage is named, with the command that helps."""
    jobs = MemoryJobs()
    async with projected(own_postgres_server.url()) as database:
        log = MemoryRawLog(jobs.store)
        made = BackedUpLog(jobs, log, database, BackupFolder(tmp_path / "backup"), tmp_path / "artifacts")
        await made.submit(10)
        await made.back_up()
    flip_in_table(own_postgres_server, own_postgres_server.url(), table, page)
    async with await writer_connection(own_postgres_server.url(), "test") as connection:
        damaged = replace(made, database=Projected(own_postgres_server.url(), connection, database.writer))
        with pytest.raises(DamagedLog, match=f"nothing was backed up: .*{problem}"):
            await damaged.back_up()
    assert made.folder.checked_manifest().position == 10


async def test_log_lines_that_a_new_database_lacks_stay_in_the_backup(
    backed_up: BackedUpLog, new_migrated_database: NewDatabase
) -> None:
    """Postgres was lost, and only the lines of the last day came back: the backup has the last copy of the others."""
    await backed_up.log_lines(10, 20, 30)
    assert (await backed_up.back_up()).kept_log_lines == 0
    async with emptied(backed_up, new_migrated_database, backed_up.jobs) as other:
        await other.submit(1)
        await other.log_lines(15, 30, 40)
        assert (await other.back_up()).kept_log_lines == 2
        assert (await other.back_up()).kept_log_lines == 2
        assert (await other.loaded_rows(new_migrated_database))[0] == [10, 15, 20, 30, 40]


async def test_another_log_line_is_not_written_over_the_old_one(
    backed_up: BackedUpLog, new_migrated_database: NewDatabase
) -> None:
    """Two lines with the same number: neither replaces the other, and the message says what to do."""
    await backed_up.log_lines(10, 20)
    await backed_up.back_up()
    manifest = (backed_up.folder.path / MANIFEST).read_bytes()
    async with emptied(backed_up, new_migrated_database, backed_up.jobs) as other:
        await other.submit(0)
        await other.log_lines(20, message="another step")
        with pytest.raises(OtherRow, match=r"number 20 .*Nothing was changed. Name another folder"):
            await other.back_up()
    assert (backed_up.folder.path / MANIFEST).read_bytes() == manifest
    backed_up.folder.checked_manifest()


async def test_keys_that_are_lost_stay_in_the_backup(
    backed_up: BackedUpLog, new_migrated_database: NewDatabase
) -> None:
    """Database and key store have both lost the key of a job; that of a job that was erased since leaves the backup."""
    lost, erased, *_ = backed_up.jobs.job_ids
    await backed_up.jobs.keys.discard([lost])
    await backed_up.jobs.cancel(erased)
    await backed_up.jobs.erase(erased)
    async with emptied(backed_up, new_migrated_database, backed_up.jobs) as other:
        await other.submit(0)
        assert (await other.back_up()).kept_keys == 1
        manifest = other.folder.checked_manifest()
        assert manifest.missing_master_keys(MASTER_KEYS.ids) == []
        assert manifest.master_keys != ()
        assert (await other.loaded_rows(new_migrated_database))[1] == {*backed_up.jobs.job_ids} - {erased}


@pytest.mark.parametrize("table", ["keys", "log_lines"])
async def test_a_damaged_copy_of_a_table_is_replaced_only_on_request(
    backed_up: BackedUpLog, table: str
) -> None:
    """It may hold what the database lacks, so the operator decides."""
    await backed_up.log_lines(10, 20)
    await backed_up.back_up()
    damaged = backed_up.folder.path / backed_up.folder.present_manifest().tables[table].path
    flip_byte(damaged, damaged.stat().st_size // 2)
    with pytest.raises(DamagedCopy, match=rf"{table}-.* was changed.*Nothing was changed.*--verify"):
        await backed_up.back_up()
    assert damaged.exists()
    await backed_up.back_up(verify=True)
    assert backed_up.folder.checked_manifest().tables[table].rows > 0


async def test_a_backup_waits_for_an_archive_that_grows(
    backed_up: BackedUpLog,
    new_migrated_database: NewDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new folder and an archive that is still being filled: the backup has every commit of the log."""
    monkeypatch.setattr(backup, "STILL_SECONDS", 60)
    async with emptied(backed_up, new_migrated_database, backed_up.jobs) as other:
        other = replace(other, folder=BackupFolder(tmp_path / "new"))
        waiting = asyncio.create_task(other.back_up())
        await until_true((tmp_path / "new" / "log").exists, "the backup has begun")
        await other.submit(0)
        made = await waiting
    assert (made.position, made.logged, made.missing) == (10, 10, "")
    assert other.folder.checked_manifest().missing_text == ""


async def test_a_backup_of_an_archive_that_stands_still_says_where_it_ends(
    backed_up: BackedUpLog,
    new_migrated_database: NewDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing fills the archive: what it has is backed up, and backup and check both say what is missing."""
    monkeypatch.setattr(backup, "STILL_SECONDS", 0)
    async with emptied(backed_up, new_migrated_database, backed_up.jobs) as other:
        other = replace(other, folder=BackupFolder(tmp_path / "new"))
        await other.submit(0)
        await backed_up.jobs.submit()
        await backed_up.jobs.submit()
        made = await other.back_up()
        assert "not complete: it ends at position 10, and the log ended at position 12" in made.missing
        manifest = other.folder.checked_manifest()
        assert (manifest.position, manifest.checked_facts["complete"]) == (10, False)
        assert made.missing in manifest.checked_text
        await other.submit(0)
        assert (await other.back_up()).missing == ""
    assert other.folder.checked_manifest().checked_facts["complete"]
