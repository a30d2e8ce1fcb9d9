"""A migrated database, and a projector's writer on it, for tests of the read models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.schema.migrate import migrate_permanent_schema
from kinolog_projector.schema.revision import ensure_projection

from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.readmodel.database import Connection, writer_connection


@dataclass(frozen=True, slots=True)
class Projected:
    """A database with the read models."""

    url: str
    connection: Connection
    writer: BatchWriter

    async def catch_up(self, store: EventStore, keys: ArchivableKeyStore, batch_size: int = 500) -> int:
        """Apply the rest of the log in batches of a size. Return the last position."""
        preparer = BatchPreparer(store, keys)
        position, _ = await self.writer.position()
        async for commits in store.read(position):
            for start in range(0, len(commits), batch_size):
                part = commits[start : start + batch_size]
                await self.writer.apply(await preparer.prepare(part[0].position - 1, part))
                position = part[-1].position
        return position


async def migrate(url: str) -> None:
    """Migrate a database."""
    await asyncio.to_thread(migrate_permanent_schema, url)
    connection = await writer_connection(url, "test")
    async with connection:
        await ensure_projection(connection)


@asynccontextmanager
async def projected(url: str) -> AsyncIterator[Projected]:
    """A writer on a database that was migrated, such as that of `migrated_database_url`."""
    connection = await writer_connection(url, "test")
    async with connection:
        yield Projected(url, connection, BatchWriter(connection))
