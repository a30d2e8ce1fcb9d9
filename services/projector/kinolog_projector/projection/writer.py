"""Writes batches: archive, read models and checkpoints in one transaction, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from struct import Struct
from typing import Any

from psycopg import sql
from psycopg.rows import args_row

from kinolog.job.commit import Recorded
from kinolog.ports.event_store import DamagedLog
from kinolog.readmodel import tables
from kinolog.readmodel.database import Connection
from kinolog_projector.bulk.copy_into import CopyStatement
from kinolog_projector.bulk.upserts import BulkStatement, insert, merge_counts, upsert
from kinolog_projector.projection.batch import CommitBatch
from kinolog_projector.projection.counter_changes import ROLLUP_FIELDS, CounterChanges
from kinolog_projector.projection.current_row import COLUMNS, CurrentRow
from kinolog_projector.projection.job_projection import JobRows, ProjectedRows, project_batch
from kinolog_projector.projection.uninterrupted import uninterrupted

MOVE_LOG = sql.SQL(
    "UPDATE kinolog.log_checkpoint SET position = %s, digest = %s WHERE position = %s RETURNING position"
)
LOCK_LOG = sql.SQL("SELECT position, digest FROM kinolog.log_checkpoint FOR UPDATE")
ARCHIVE = sql.SQL("COPY kinolog.archive (position, job_id, raw, digest) FROM STDIN (FORMAT BINARY)")


_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_ROW_START, _LENGTH = Struct(">hiqi"), Struct(">i")

COPY_FROM_JOBS = 64
"""With fewer new jobs in a batch, a COPY for each table costs more than it saves."""


class CheckpointConflict(Exception):
    """Another projector has moved the checkpoint; nothing of the batch was written."""


class ProjectionTables:
    """Writes the tables of a projection that live in one schema, inside the caller's transaction."""

    def __init__(self, schema: str = tables.PROJECTION_SCHEMA) -> None:
        self.schema = schema
        self._move = sql.SQL("UPDATE {} SET position = %s WHERE position = %s RETURNING position").format(
            sql.Identifier(schema, "checkpoint")
        )
        self._before = sql.SQL("SELECT {} FROM {} WHERE id = ANY(%s::text[])").format(
            sql.SQL(", ").join(map(sql.Identifier, COLUMNS)), sql.Identifier(schema, "jobs")
        )
        self._delete_artifacts = sql.SQL("DELETE FROM {} WHERE job_id = ANY(%s::text[])").format(
            sql.Identifier(schema, "artifacts")
        )
        self._jobs = upsert(tables.jobs, schema, newest="position")
        self._prompts = upsert(tables.prompts, schema)
        self._scenes = upsert(tables.scenes, schema)
        self._stages = upsert(tables.stages, schema, keep=("started_at", "seconds"))
        self._attempts = upsert(tables.attempts, schema)
        self._artifacts = upsert(tables.artifacts, schema)
        self._activity = insert(tables.activity, schema)
        self._workers = upsert(
            tables.workers,
            schema,
            keep=("hardware", "first_position"),
            add=("attempts", "completed", "failed"),
        )
        self._into = [
            CopyStatement(table, schema)
            for table in (
                tables.jobs,
                tables.prompts,
                tables.scenes,
                tables.stages,
                tables.attempts,
                tables.artifacts,
                tables.activity,
            )
        ]
        self._counters = merge_counts(tables.counters, schema, "jobs")
        self._rollups = upsert(tables.rollups, schema, add=ROLLUP_FIELDS)
        self._timings = upsert(tables.timings, schema, add=("count", "total_us"))

    async def before(self, connection: Connection, job_ids: Sequence[str]) -> dict[str, CurrentRow]:
        """What the tables hold of some jobs."""
        async with connection.cursor(row_factory=args_row(CurrentRow)) as cursor:
            await cursor.execute(self._before, ["{" + ",".join(job_ids) + "}"])
            return {row.id: row for row in await cursor.fetchall()}

    async def move_checkpoint(self, connection: Connection, previous: int, position: int) -> None:
        """Move the checkpoint to `position`. Raises `CheckpointConflict` if it is not at `previous`."""
        cursor = await connection.execute(self._move, [position, previous])
        if await cursor.fetchone() is None:
            raise CheckpointConflict(
                f"the read models in schema {self.schema} do not stand at position {previous}"
            )

    async def fold(
        self, connection: Connection, batch: CommitBatch, *, counting: bool = True
    ) -> ProjectedRows:
        """What a batch leads to, given what the tables hold; without `counting` all but the counters."""
        known = [job_id for job_id, its in batch.jobs.items() if not its.begins]
        before = await self.before(connection, known) if known else {}
        return project_batch(batch, before, counting=counting)

    async def write(self, connection: Connection, folded: ProjectedRows) -> None:
        """Write rows of every table."""
        copied = len(folded.new.jobs) >= COPY_FROM_JOBS
        if copied:
            for copy, rows in self._copies(folded):
                await copy.rows(connection, rows)
        async with connection.pipeline():
            if not copied:
                await self._send_jobs(connection, folded.new)
                await _send(connection, self._activity, folded.activity)
            await self._send_jobs(connection, folded.known)
            if folded.erased:
                await connection.execute(self._delete_artifacts, ["{" + ",".join(folded.erased) + "}"])
            await _send(connection, self._workers, [tuple(row) for row in folded.workers.values()])
            await self.count(connection, folded.tally)
            await _send(connection, self._rollups, folded.tally.rollup_rows())
            await _send(connection, self._timings, folded.tally.timing_rows())

    def _copies(self, folded: ProjectedRows) -> list[tuple[CopyStatement, Sequence[Sequence[Any]]]]:
        """What no row of the tables stands in the way of."""
        new = folded.new
        rows = (new.jobs, new.prompts, new.scenes, new.stage_rows(), new.attempts, new.artifacts)
        return list(zip(self._into, (*rows, folded.activity), strict=True))

    async def _send_jobs(self, connection: Connection, its: JobRows) -> None:
        await _send(connection, self._jobs, its.jobs)
        await _send(connection, self._prompts, its.prompts)
        await _send(connection, self._scenes, its.scenes)
        await _send(connection, self._stages, its.stage_rows())
        await _send(connection, self._attempts, its.attempts)
        await _send(connection, self._artifacts, its.artifacts)

    async def count(self, connection: Connection, tally: CounterChanges) -> None:
        """Write what a tally adds to the counters."""
        await _send(connection, self._counters, tally.counter_rows())


async def _send(connection: Connection, statement: BulkStatement, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        await connection.execute(statement.query, statement.parameters(rows))


class BatchWriter:
    """Applies batches to the archive and the live projection. One at a time; rivals are told apart by checkpoints."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._projection = ProjectionTables()
        self._turn = asyncio.Lock()

    async def position(self) -> tuple[int, bytes]:
        """Position and digest of the last archived commit; 0 and empty when there is none."""
        return await uninterrupted(self._position())

    async def _position(self) -> tuple[int, bytes]:
        async with self._turn, self._connection.transaction():
            cursor = await self._connection.execute(LOCK_LOG)
            row = await cursor.fetchone()
            if row is None:
                raise DamagedLog("the database has no checkpoint of the log; run kinolog-projector migrate")
            return row[0], bytes(row[1])

    async def ids(self, query: sql.SQL, values: Sequence[Any]) -> list[str]:
        """Ids that a query finds."""
        return await uninterrupted(self._ids(query, values))

    async def _ids(self, query: sql.SQL, values: Sequence[Any]) -> list[str]:
        async with self._turn:
            cursor = await self._connection.execute(query, values)
            return [row[0] for row in await cursor.fetchall()]

    async def in_turn(self, work: Callable[[Connection, ProjectionTables], Awaitable[None]]) -> None:
        """Work in a transaction in which nobody else writes, this process or another; the log does not move in it."""
        await uninterrupted(self._in_turn(work))

    async def _in_turn(self, work: Callable[[Connection, ProjectionTables], Awaitable[None]]) -> None:
        async with self._turn, self._connection.transaction():
            await self._connection.execute(LOCK_LOG)
            await work(self._connection, self._projection)

    async def apply(self, batch: CommitBatch) -> None:
        """Write a batch. Raises `CheckpointConflict` when a rival was faster, and writes nothing then."""
        await uninterrupted(self._apply(batch))

    async def _apply(self, batch: CommitBatch) -> None:
        async with self._turn, self._connection.transaction():
            previous = batch.first - 1
            tail = batch.commits[-1]
            cursor = await self._connection.execute(MOVE_LOG, [tail.position, tail.digest, previous])
            if await cursor.fetchone() is None:
                raise CheckpointConflict(f"the archive does not stand at position {previous}")
            await self._projection.move_checkpoint(self._connection, previous, batch.last)
            await archive(self._connection, batch.commits)
            folded = await self._projection.fold(self._connection, batch)
            await self._projection.write(self._connection, folded)


async def archive(connection: Connection, commits: Sequence[Recorded]) -> None:
    """Append raw commits to the archive."""
    async with connection.cursor() as cursor, cursor.copy(ARCHIVE) as copy:
        await copy.write(archive_rows(commits))


def archive_rows(commits: Sequence[Recorded]) -> bytes:
    """Rows of the archive in the binary format of COPY: a number of fields, and each behind its length."""
    parts = [_COPY_HEADER]
    for recorded in commits:
        job_id = recorded.commit.job_id.encode()
        parts += (
            _ROW_START.pack(4, 8, recorded.position, len(job_id)),
            job_id,
            _LENGTH.pack(len(recorded.raw)),
            recorded.raw,
            _LENGTH.pack(len(recorded.digest)),
            recorded.digest,
        )
    parts.append(_COPY_END)
    return b"".join(parts)
