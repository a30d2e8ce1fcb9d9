"""Making the projection anew beside the live one, and swapping it in.

The bulk is loaded without indexes and without counting; then all jobs are counted at once, and the indexes built.
The live projector goes on meanwhile. At the end the log's checkpoint is held for a moment, what came last is
applied, and the schemas change names in the same transaction: readers find the one or the other, both complete.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass

from psycopg import sql

from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.keys import KeyStore
from kinolog.process.logs import fields
from kinolog.readmodel.counter_cells import SortKeys
from kinolog.readmodel.database import Connection, writing_connection
from kinolog.readmodel.tables import PROJECTION_SCHEMA, PROJECTION_VERSION
from kinolog_projector.bulk.array_literals import text_element
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.batch_reader import BatchReader
from kinolog_projector.projection.counter_changes import CounterChanges
from kinolog_projector.projection.writer import LOCK_LOG, ProjectionTables
from kinolog_projector.rebuild.recount import recount
from kinolog_projector.schema.migrate import check_kept
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
CLOSE_ENOUGH = 500
"""So many commits may be left to apply while the live projector waits."""
DROP_AFTER_SECONDS = 1.0

WEATHER = sql.SQL(
    "SELECT there.id, there.percent, there.eta_seconds FROM {live} AS there JOIN {fresh} AS fresh USING (id)"
    " WHERE there.status IN ('processing', 'failed', 'cancelled')"
    " AND there.attempt = fresh.attempt AND there.status = fresh.status"
    " AND (there.percent, there.eta_seconds) IS DISTINCT FROM (fresh.percent, fresh.eta_seconds)"
)
SET_WEATHER = sql.SQL(
    "UPDATE {fresh} AS there SET percent = given.percent, eta_seconds = given.eta_seconds"
    " FROM unnest(%s::text[], %s::float8[], %s::float8[]) AS given(id, percent, eta_seconds)"
    " WHERE there.id = given.id"
)


class RebuildRunning(Exception):
    """Another process rebuilds the projection already."""


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """What a rebuild did."""

    position: int
    commits: int


class Rebuild:
    """One rebuild, from the first commit to the swap."""

    def __init__(self, database_url: str, store: EventStore, keys: KeyStore, batch_size: int = 5_000) -> None:
        self._database_url = database_url
        self._store = store
        self._preparer = BatchPreparer(store, keys)
        self._batch_size = batch_size
        self._projection = ProjectionTables(FRESH_SCHEMA)
        self._position = 0

    async def run(self) -> RebuildResult:
        """Rebuild and swap. Raises `RebuildRunning`, `WrongSchema`, `DamagedLog`."""
        connection = await writing_connection(self._database_url, "kinolog-rebuild")
        async with connection:
            await check_kept(connection)
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [REBUILD_LOCK])
            row = await cursor.fetchone()
            if row is None or not row[0]:
                raise RebuildRunning("the projection is being rebuilt already")
            await connection.execute("SET maintenance_work_mem = '256MB'")
            await self._begin(connection)
            await self._catch_up(connection, await self._target(connection), counting=False)
            await recount(connection, FRESH_SCHEMA)
            await create_indexes(connection, FRESH_SCHEMA)
            await analyze(connection, FRESH_SCHEMA)
            while (target := await self._target(connection)) - self._position > CLOSE_ENOUGH:
                await self._catch_up(connection, target)
            await self._swap(connection)
            # Statements that found the old tables just before the swap may still begin to read them.
            await asyncio.sleep(DROP_AFTER_SECONDS)
            await drop_projection(connection, RETIRED_SCHEMA)
        return RebuildResult(self._position, self._position)

    async def _begin(self, connection: Connection) -> None:
        async with connection.transaction():
            await drop_projection(connection, FRESH_SCHEMA)
            await drop_projection(connection, RETIRED_SCHEMA)
            await create_projection(connection, FRESH_SCHEMA, with_indexes=False)

    async def _target(self, connection: Connection) -> int:
        """Up to where the archive goes; the live projection stands there too."""
        cursor = await connection.execute("SELECT position FROM kinolog.log_checkpoint")
        row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0

    async def _catch_up(self, connection: Connection, target: int, *, counting: bool = True) -> None:
        if self._position >= target:
            return
        intake = BatchReader(self._preparer, self._batch_size)
        commits = self._store.read(self._position, target)
        async with aclosing(intake.batches(self._position, commits)) as batches:
            async for batch in batches:
                async with connection.transaction():
                    await self._projection.move_checkpoint(connection, self._position, batch.last)
                    folded = await self._projection.fold(connection, batch, counting=counting)
                    await self._projection.write(connection, folded)
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
                await self._copy_weather(connection)
            await swap_projection(connection, FRESH_SCHEMA, RETIRED_SCHEMA if version is not None else None)

    async def _copy_weather(self, connection: Connection) -> None:
        """What workers have said of jobs that run, which the log does not know."""
        names = {
            "live": sql.Identifier(PROJECTION_SCHEMA, "jobs"),
            "fresh": sql.Identifier(FRESH_SCHEMA, "jobs"),
        }
        await connection.execute("SET LOCAL enable_seqscan = on")
        await connection.execute("SET LOCAL enable_hashjoin = on")
        cursor = await connection.execute(WEATHER.format(**names))
        found = {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}
        if not found:
            return
        before = await self._projection.before(connection, list(found))
        tally = CounterChanges()
        for job_id, (percent, _) in found.items():
            known = before[job_id]
            keys = known.keys
            moved = SortKeys(
                keys.number, keys.created_at, keys.updated_at, percent, keys.duration_us, keys.urgency
            )
            tally.move(known.tenant, (keys, known.kind), (moved, known.kind))
        columns = (
            [text_element(job_id) for job_id in found],
            [repr(percent) for percent, _ in found.values()],
            ["NULL" if eta is None else repr(eta) for _, eta in found.values()],
        )
        await connection.execute(
            SET_WEATHER.format(**names), ["{" + ",".join(column) + "}" for column in columns]
        )
        await self._projection.count(connection, tally)
