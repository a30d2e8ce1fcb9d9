"""Rebuilds the projection beside the live one, and swaps them.

The bulk is loaded without indexes and without counters; then one statement counts all jobs, and the indexes are built.
The live projector continues meanwhile. At the end one transaction locks the checkpoint of the log, applies the last
commits and renames the schemas: readers find one or the other, both complete.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection, first_line, writer_connection
from kinolog.readmodel.tables import PROJECTION_SCHEMA
from kinolog_projector.projection.live_progress import update_live_columns
from kinolog_projector.projection.projection_tables import ProjectionTables
from kinolog_projector.projection.writer import LOCK_LOG
from kinolog_projector.rebuild.replay import LogReplay
from kinolog_projector.schema.advisory_locks import REBUILD_LOCK
from kinolog_projector.schema.projection_schema import (
    analyze,
    create_indexes,
    drop_projection,
    missing_tables,
    projection_exists,
    projection_version,
    swap_projection,
)
from kinolog_projector.schema.revision import check_permanent_schema, check_versions

logger = logging.getLogger(__name__)

FRESH_SCHEMA = "projection_fresh"
RETIRED_SCHEMA = "projection_retired"
LOCK_TRIES, LOCK_PAUSE_SECONDS = 30, 0.1
DROP_AFTER_SECONDS = 1.0

LIVE_COLUMNS = sql.SQL(
    "SELECT live.id, live.percent, live.eta_seconds FROM {live} AS live JOIN {fresh} AS fresh USING (id)"
    " WHERE live.status IN ('processing', 'failed', 'cancelled')"
    " AND live.attempt = fresh.attempt AND live.status = fresh.status"
    " AND (fresh.status = 'processing' OR fresh.percent = 0)"
    " AND (live.percent, live.eta_seconds) IS DISTINCT FROM (fresh.percent, fresh.eta_seconds)"
)
"""What the log does not hold. Ended jobs of earlier versions have no percentage there."""
LIVE_COLUMNS_SINCE = 3
"""Projections of this version and later have these columns."""


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
        self._keys = keys
        self._batch_size = batch_size

    async def run(self, *, replaces_other_version: bool = True) -> RebuildResult:
        """Rebuild and swap. Raises `RebuildRunning`, `WrongSchema`, `DamagedLog`.

        Only a person decides that read models of another version of the program are replaced.
        """
        connection = await writer_connection(self._database_url, "kinolog-rebuild")
        async with connection:
            await check_permanent_schema(connection)
            await lock_rebuild(connection)
            if not replaces_other_version:
                await check_versions(connection)
            await connection.execute("SET maintenance_work_mem = '256MB'")
            await drop_projection(connection, RETIRED_SCHEMA)
            replay = LogReplay(connection, self._store, self._keys, FRESH_SCHEMA, self._batch_size)
            await replay.begin()
            await replay.load()
            await create_indexes(connection, FRESH_SCHEMA)
            await analyze(connection, FRESH_SCHEMA)
            await replay.approach()
            await self._swap(connection, replay)
            # Statements that resolved the old tables just before the swap may still begin to read them.
            await asyncio.sleep(DROP_AFTER_SECONDS)
            await drop_projection(connection, RETIRED_SCHEMA)
        return RebuildResult(replay.position, replay.position)

    async def _swap(self, connection: Connection, replay: LogReplay) -> None:
        async with connection.transaction():
            await connection.execute(LOCK_LOG)
            await replay.catch_up(await replay.target())
            await self._keep_live_columns(connection, replay.projection)
            retired = RETIRED_SCHEMA if await projection_exists(connection) else None
            await swap_projection(connection, FRESH_SCHEMA, retired)

    async def _keep_live_columns(self, connection: Connection, fresh: ProjectionTables) -> None:
        """Copy what workers have reported, unless the live tables are too old, incomplete, changed or damaged."""
        try:
            async with connection.transaction():
                version = await projection_version(connection)
                if version is None or version < LIVE_COLUMNS_SINCE or await missing_tables(connection):
                    return
                await _copy_live_columns(connection, fresh)
        except (psycopg.InternalError, psycopg.ProgrammingError) as error:
            logger.warning(
                "percentages of running jobs are lost: %s", first_line(error), extra=fields("rebuild")
            )


async def lock_rebuild(connection: Connection) -> None:
    """Take the lock of rebuilds for the lifetime of the connection. Raises `RebuildRunning`.

    The removal of erased texts from files holds it for a moment, so it is tried for a few seconds.
    """
    for _ in range(LOCK_TRIES):
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [REBUILD_LOCK])
        row = await cursor.fetchone()
        if row is not None and row[0]:
            return
        await asyncio.sleep(LOCK_PAUSE_SECONDS)
    raise RebuildRunning("another process is rebuilding the projection; wait until it has ended")


async def _copy_live_columns(connection: Connection, fresh: ProjectionTables) -> None:
    """Copy what workers have reported of their jobs, which the log does not hold."""
    query = LIVE_COLUMNS.format(
        live=sql.Identifier(PROJECTION_SCHEMA, "jobs"), fresh=sql.Identifier(FRESH_SCHEMA, "jobs")
    )
    await connection.execute("SET LOCAL enable_seqscan = on")
    await connection.execute("SET LOCAL enable_hashjoin = on")
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query)
        changed = await cursor.fetchall()
    current = await fresh.current_rows(connection, [row["id"] for row in changed])
    await update_live_columns(connection, fresh, current, changed)
