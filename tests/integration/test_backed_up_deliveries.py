"""Backups of what webhooks were told, and of what they are still to be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from kinolog_projector.webhooks.delivery_tables import DeliveryTables

from kinolog.backup.folder import BackupFolder
from kinolog.webhooks.delivery_history import DeliveryStatus
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.servers import NewDatabase
from tests.integration.backed_up_log import BackedUpLog
from tests.integration.readmodel_database import projected


async def test_deliveries_are_those_of_the_last_backup(
    new_migrated_database: NewDatabase, tmp_path: Path
) -> None:
    """What changed since the backup before is replaced. An old backup sends nothing that was still to be sent."""
    jobs, now = MemoryJobs(), datetime.now(UTC)
    with new_migrated_database() as url:
        async with projected(url) as database:
            log = MemoryRawLog(jobs.store)
            made = BackedUpLog(jobs, log, database, BackupFolder(tmp_path / "backup"), tmp_path / "artifacts")
            await made.submit(1)
            await made.deliver("sent", now)
            await made.back_up()
            await made.deliver("sent", now, ends=DeliveryStatus.DELIVERED)
            await made.deliver("waits", now)
            await made.deliver("late", now - timedelta(days=4))
            await made.back_up()
    async with made.loaded(new_migrated_database) as database:
        due = await DeliveryTables(database.connection).due(now, [], [], 9)
        cursor = await database.connection.execute("SELECT number, status_code FROM kinolog.webhook_tries")
        assert await cursor.fetchall() == [(1, 204)]
    assert [one.message_id for one in due] == ["waits"]
