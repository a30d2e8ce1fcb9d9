"""Rebuilds the projection beside the live one, and swaps them.

The bulk is loaded without indexes and without counters; then one statement counts all jobs, and the indexes are built.
The live projector continues meanwhile. At the end one transaction locks the checkpoint of the log, applies the last
commits and renames the schemas: readers find one or the other, both complete.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass

from psycopg import sql
from psycopg.rows import dict_row

from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.tables import PROJECTION_SCHEMA, PROJECTION_VERSION
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.batch_reader import BatchReader
from kinolog_projector.projection.live_progress import update_live_columns
from kinolog_projector.projection.projection_tables import ProjectionTables
from kinolog_projector.projection.writer import LOCK_LOG
from kinolog_projector.rebuild.recount import recount
from kinolog_projector.schema.migrate import check_permanent_schema
from kinolog_projector.schema.projection_schema import (
    analyze,
    create_indexes,
    create_projection,
    drop_projection,
    projection_version,
    swap_projection,
)

logger = logging.getLogger(__name__)

FRESH_SCHEMA = "projection_fresh"
RETIRED_SCHEMA = "projection_retired"
REBUILD_LOCK = 0x6B696E6F72
LAST_COMMITS = 500
"""At most this many commits are left to apply while the live projector waits."""
DROP_AFTER_SECONDS = 1.0

LIVE_COLUMNS = sql.SQL(
    "SELECT live.id, live.percent, live.eta_seconds FROM {live} AS live JOIN {fresh} AS fresh USING (id)"
    " WHERE live.status IN ('processing', 'failed', 'cancelled')"
    " AND live.attempt = fresh.attempt AND live.status = fresh.status"
    " AND (live.percent, live.eta_seconds) IS DISTINCT FROM (fresh.percent, fresh.eta_seconds)"
)


class RebuildRunning(Exception):
    """Another process is rebuilding the projection."""


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """The last position of a rebuilt projection, and the number of commits that it was made from."""

    position: int
    commits: int


class Rebuild:
    """One rebuild, from the first commit to the swap."""

    def __init__(
        self, database_url: str, store: EventStore, keys: ArchivableKeyStore, batch_size: int = 5_000
    ) -> None:
        self._database_url = database_url
        self._store = store
        self._preparer = BatchPreparer(store, keys)
        self._batch_size = batch_size
        self._projection = ProjectionTables(FRESH_SCHEMA)
        self._position = 0

    async def run(self) -> RebuildResult:
        """Rebuild and swap. Raises `RebuildRunning`, `WrongSchema`, `DamagedLog`."""
        connection = await writer_connection(self._database_url, "kinolog-rebuild")
        async with connection:
            await check_permanent_schema(connection)
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [REBUILD_LOCK])
            row = await cursor.fetchone()
            if row is None or not row[0]:
                raise RebuildRunning("another process is rebuilding the projection; wait until it has ended")
            await connection.execute("SET maintenance_work_mem = '256MB'")
            await self._begin(connection)
            await self._catch_up(connection, await self._target(connection), counting=False)
            await recount(connection, FRESH_SCHEMA)
            await create_indexes(connection, FRESH_SCHEMA)
            await analyze(connection, FRESH_SCHEMA)
            while (target := await self._target(connection)) - self._position > LAST_COMMITS:
                await self._catch_up(connection, target)
            await self._swap(connection)
            # Statements that resolved the old tables just before the swap may still begin to read them.
            await asyncio.sleep(DROP_AFTER_SECONDS)
            await drop_projection(connection, RETIRED_SCHEMA)
        return RebuildResult(self._position, self._position)

    async def _begin(self, connection: Connection) -> None:
        async with connection.transaction():
            await drop_projection(connection, FRESH_SCHEMA)
            await drop_projection(connection, RETIRED_SCHEMA)
            await create_projection(connection, FRESH_SCHEMA, with_indexes=False)

    async def _target(self, connection: Connection) -> int:
        """Return the last archived position, which is that of the live projection too."""
        cursor = await connection.execute("SELECT position FROM kinolog.log_checkpoint")
        row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0

    async def _catch_up(self, connection: Connection, target: int, *, counting: bool = True) -> None:
        if self._position >= target:
            return
        reader = BatchReader(self._preparer, self._batch_size)
        commits = self._store.read(self._position, target)
        async with aclosing(reader.batches(self._position, commits)) as batches:
            async for batch in batches:
                async with connection.transaction():
                    await self._projection.move_checkpoint(connection, self._position, batch.last)
                    projected = await self._projection.project(connection, batch, counting=counting)
                    await self._projection.write(connection, projected)
                self._position = batch.last
                logger.info("rebuilding", extra=fields("rebuild", position=batch.last, target=target))
        if self._position < target:
            raise DamagedLog(f"the log ends at {self._position}, the archive at {target}: restore the log")

    async def _swap(self, connection: Connection) -> None:
        async with connection.transaction():
            cursor = await connection.execute(LOCK_LOG)
            row = await cursor.fetchone()
            await self._catch_up(connection, int(row[0]) if row is not None else 0)
            version = await projection_version(connection)
            if version == PROJECTION_VERSION:
                await self._copy_live_columns(connection)
            await swap_projection(connection, FRESH_SCHEMA, RETIRED_SCHEMA if version is not None else None)

    async def _copy_live_columns(self, connection: Connection) -> None:
        """Copy what workers have reported of their jobs, which the log does not hold."""
        query = LIVE_COLUMNS.format(
            live=sql.Identifier(PROJECTION_SCHEMA, "jobs"), fresh=sql.Identifier(FRESH_SCHEMA, "jobs")
        )
        await connection.execute("SET LOCAL enable_seqscan = on")
        await connection.execute("SET LOCAL enable_hashjoin = on")
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query)
            changed = await cursor.fetchall()
        current = await self._projection.current_rows(connection, [row["id"] for row in changed])
        await update_live_columns(connection, self._projection, current, changed)
