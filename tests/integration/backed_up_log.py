"""A log with its archive, and backups of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kinolog_projector.backup.backup import Backup, MadeBackup
from kinolog_projector.backup.backup_load import fill_tables
from kinolog_projector.projection.live_progress import write_live_progress
from kinolog_projector.webhooks.call_outcome import CallOutcome
from kinolog_projector.webhooks.delivery_tables import DeliveryTables, PlannedDelivery

from kinolog.adapters.obstore.configured_store import artifacts_at
from kinolog.backup.folder import BackupFolder
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.webhooks.delivery_history import DeliveryStatus
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.builders.memory_jobs import START, MemoryJobs
from tests.fixtures.servers import NewDatabase
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

    async def back_up(self, *, verify: bool = False) -> MadeBackup:
        """Make a backup."""
        store = artifacts_at(self.artifacts.as_uri())
        return await Backup(self.database.url, self.log, store, self.folder, verify=verify).make()

    async def log_lines(self, *numbers: int, message: str = "a step") -> None:
        """Store log lines with these numbers."""
        lines = [
            LogLine(job_id="job", attempt=1, at=START, level=LogLevel.INFO, message=message, sequence=number)
            for number in numbers
        ]
        await write_live_progress(self.database.writer, [], lines)

    async def deliver(self, message_id: str, at: datetime, *, ends: DeliveryStatus | None = None) -> None:
        """Plan a delivery, and let it end."""
        tables = DeliveryTables(self.database.connection)
        planned = PlannedDelivery(
            webhook_id="wh", tenant="", lane="wh", message_id=message_id, event="", job_id="", body=b""
        )
        await tables.add([planned], at)
        if ends is not None:
            (due,) = [one for one in await tables.due(at, [], [], 9) if one.message_id == message_id]
            await tables.settle(due, CallOutcome(status_code=204, milliseconds=1), at, ends, None)

    @asynccontextmanager
    async def loaded(self, new_database: NewDatabase) -> AsyncIterator[Projected]:
        """Yield a database after loading the backup."""
        manifest = self.folder.checked_manifest()
        with new_database() as url:
            async with projected(url) as database:
                await fill_tables(database.connection, self.folder, manifest)
                yield database

    async def loaded_rows(self, new_database: NewDatabase) -> tuple[list[int], set[str]]:
        """Return the numbers of the log lines and the ids of the keys that a database has after loading the backup."""
        async with self.loaded(new_database) as database:
            cursor = await database.connection.execute(
                "SELECT sequence FROM kinolog.log_lines ORDER BY sequence"
            )
            lines = [number for (number,) in await cursor.fetchall()]
            cursor = await database.connection.execute("SELECT key_id FROM kinolog.key_archive")
            keys = {key_id for (key_id,) in await cursor.fetchall()}
        tables = self.folder.checked_manifest().tables
        assert [tables[table].rows for table in ("log_lines", "keys")] == [len(lines), len(keys)]
        return lines, keys
