"""A folder takes the backups of one history: what another log would replace may be the last copy of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kinolog_projector.backup import backup
from kinolog_projector.backup.backup import Backup, MadeBackup, OtherHistory

from kinolog.adapters.obstore.artifacts import artifacts_at
from kinolog.backup.folder import MANIFEST, BackupFolder
from kinolog.codec.commits import encode_commit
from kinolog.ports.raw_log import RawCommit
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.damage import flip_byte
from tests.fixtures.log import first_commit
from tests.integration.readmodel_database import Projected, projected


@dataclass(frozen=True, slots=True)
class BackedUpLog:
    """A log with its archive, and a folder for backups."""

    jobs: MemoryJobs
    log: MemoryRawLog
    database: Projected
    folder: BackupFolder
    artifacts: Path

    async def submit(self, count: int) -> None:
        """Submit jobs, and archive them."""
        for _ in range(count):
            await self.jobs.submit()
        await self.database.catch_up(self.jobs.store, self.jobs.keys)

    async def back_up(self) -> MadeBackup:
        """Make a backup."""
        store = artifacts_at(self.artifacts.as_uri())
        return await Backup(self.database.url, self.log, store, self.folder).make()


@pytest.fixture
async def backed_up(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BackedUpLog]:
    """Ten jobs in a backup with segments of four commits."""
    monkeypatch.setattr(backup, "SEGMENT_COMMITS", 4)
    jobs = MemoryJobs()
    async with projected(database_url) as database:
        log = MemoryRawLog(jobs.store)
        made = BackedUpLog(jobs, log, database, BackupFolder(tmp_path / "backup"), tmp_path / "artifacts")
        await made.submit(10)
        await made.back_up()
        yield made


async def test_the_same_history_is_continued(backed_up: BackedUpLog) -> None:
    """Full segments stay as they are, and the last one and a damaged one are written again."""
    await backed_up.submit(3)
    made = await backed_up.back_up()
    assert (made.position, made.new_commits) == (13, 5)
    (first, *_) = backed_up.folder.checked_manifest().segments
    flip_byte(backed_up.folder.path / first.path, 40)
    assert (await backed_up.back_up()).new_commits == 13
    assert backed_up.folder.checked_manifest().position == 13


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
    with pytest.raises(OtherHistory, match=r"not those of its log.*name another folder"):
        await backed_up.back_up()
    assert (backed_up.folder.path / MANIFEST).read_bytes() == manifest
    backed_up.folder.checked_manifest()


@pytest.mark.parametrize("last", [0, 7])
async def test_a_log_that_lost_commits_does_not_replace_their_backup(
    backed_up: BackedUpLog, last: int
) -> None:
    """Such as a new data folder after the old one was lost, whose first nightly backup would delete everything."""
    connection = backed_up.database.connection
    await connection.execute("UPDATE kinolog.log_checkpoint SET position = %s", [last])
    await connection.execute("UPDATE projection.checkpoint SET position = %s", [last])
    with pytest.raises(OtherHistory, match=f"positions {last + 1} to 10"):
        await backed_up.back_up()
    assert backed_up.folder.checked_manifest().position == 10
