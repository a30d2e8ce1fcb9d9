"""Writes the tables of a projection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncCursor, sql
from psycopg.rows import class_row

from kinolog.readmodel import tables
from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import ROLLUP_SUMS, Row
from kinolog_projector.bulk.copy_into import CopyStatement
from kinolog_projector.bulk.upserts import insert, merge_counts, upsert
from kinolog_projector.projection.batch import CommitBatch
from kinolog_projector.projection.commits.commit_rows import FORGET_ADDRESSES
from kinolog_projector.projection.commits.job_spells import END_SPELLS
from kinolog_projector.projection.counter_changes import CounterChanges
from kinolog_projector.projection.current_row import CURRENT_COLUMNS, CurrentRow
from kinolog_projector.projection.job_projection import project_batch
from kinolog_projector.projection.projected_rows import JobTableRows, ProjectedRows
from kinolog_projector.schema.position_partitions import PositionPartitions

COPY_MIN_JOBS = 64
"""With fewer new jobs in a batch, a COPY for each table takes longer than it saves."""


NOTE_ERASED = sql.SQL(
    "INSERT INTO kinolog.erased_prompts (number, deleted_by)"
    " SELECT number, pg_current_xact_id()::text::bigint FROM {}"
    " WHERE number = ANY(%s::bigint[]) AND (prompt IS NOT NULL OR negative_prompt IS NOT NULL)"
    " ON CONFLICT (number) DO UPDATE SET deleted_by = excluded.deleted_by"
)
"""Notes the jobs whose texts stay in the files of the database: kinolog_projector.erasure.scrub."""


LATER_DEPTHS = {
    "queued_change": sql.SQL("depths.queued_change + excluded.queued_change"),
    "processing_change": sql.SQL("depths.processing_change + excluded.processing_change"),
    "peak_queued": sql.SQL("greatest(depths.peak_queued, depths.queued_change + excluded.peak_queued)"),
    "peak_processing": sql.SQL(
        "greatest(depths.peak_processing, depths.processing_change + excluded.peak_processing)"
    ),
    "busiest_total": sql.SQL(
        "greatest(depths.busiest_total, depths.queued_change + depths.processing_change + excluded.busiest_total)"
    ),
    "busiest_queued": sql.SQL(
        "CASE WHEN (depths.queued_change + depths.processing_change + excluded.busiest_total,"
        " depths.queued_change + excluded.busiest_queued) > (depths.busiest_total, depths.busiest_queued)"
        " THEN depths.queued_change + excluded.busiest_queued ELSE depths.busiest_queued END"
    ),
}
"""How a row of `depths` follows from itself and from later changes: a later peak is on top of the earlier changes."""


class CheckpointConflict(Exception):
    """Another projector has moved the checkpoint; nothing of the batch was written."""


class ProjectionTables:
    """Writes the tables of a projection in one schema, in the caller's transaction."""

    def __init__(self, schema: str = tables.PROJECTION_SCHEMA) -> None:
        self.schema = schema
        self._move = sql.SQL("UPDATE {} SET position = %s WHERE position = %s RETURNING position").format(
            sql.Identifier(schema, "checkpoint")
        )
        self._current = sql.SQL("SELECT {} FROM {} WHERE id = ANY(%s::text[])").format(
            sql.SQL(", ").join(map(sql.Identifier, CURRENT_COLUMNS)), sql.Identifier(schema, "jobs")
        )
        self._delete_artifacts = sql.SQL("DELETE FROM {} WHERE job_id = ANY(%s::text[])").format(
            sql.Identifier(schema, "artifacts")
        )
        self._note_erased = NOTE_ERASED.format(sql.Identifier(schema, "prompts"))
        self._partitions = PositionPartitions(
            schema, tables.prompts.name, without_statistics=("prompt", "negative_prompt")
        )
        self._upserts = {
            "jobs": upsert(tables.jobs, schema, newest="position"),
            "prompts": upsert(tables.prompts, schema),
            "prompt_trigrams": upsert(tables.prompt_trigrams, schema),
            "scenes": upsert(tables.scenes, schema),
            "stages": upsert(tables.stages, schema, keep=("started_at", "seconds")),
            "attempts": upsert(tables.attempts, schema),
            "artifacts": upsert(tables.artifacts, schema),
        }
        """Of the tables in `JobTableRows`, by name."""
        self._copies = {
            name: CopyStatement(tables.projection.tables[f"{tables.PROJECTION_SCHEMA}.{name}"], schema)
            for name in (*self._upserts, "activity", "commit_index", "job_spells")
        }
        self._activity = insert(tables.activity, schema)
        self._commit_index = insert(tables.commit_index, schema)
        self._job_spells = insert(tables.job_spells, schema)
        self._end_spells = END_SPELLS.format(table=sql.Identifier(schema, "job_spells"))
        self._commit_times = upsert(
            tables.commit_times, schema, least=("least_at",), greatest=("greatest_at",)
        )
        self._forget_addresses = FORGET_ADDRESSES.format(
            sql.Identifier(schema, "commit_index"), sql.Identifier(schema, "jobs")
        )
        self._workers = upsert(
            tables.workers,
            schema,
            keep=("hardware", "first_position"),
            add=("attempts", "completed", "failed"),
        )
        self._counters = merge_counts(tables.counters, schema, "jobs")
        self._rollups = upsert(tables.rollups, schema, add=ROLLUP_SUMS)
        self._depths = upsert(tables.depths, schema, later=LATER_DEPTHS)
        self._timings = upsert(
            tables.timings,
            schema,
            add=("count", "total_us"),
            least=("least_us",),
            greatest=("greatest_us",),
        )

    async def current_rows(self, connection: Connection, job_ids: Sequence[str]) -> dict[str, CurrentRow]:
        """Return the rows that the tables hold of some jobs, by id."""
        async with connection.cursor(row_factory=class_row(CurrentRow)) as cursor:
            await cursor.execute(self._current, ["{" + ",".join(job_ids) + "}"])
            return {row.id: row for row in await cursor.fetchall()}

    async def move_checkpoint(self, connection: Connection, previous: int, position: int) -> None:
        """Move the checkpoint to `position`. Raises `CheckpointConflict` if it is not at `previous`."""
        await self.check_moved(await self.send_move(connection, previous, position), previous)

    async def send_move(self, connection: Connection, previous: int, position: int) -> AsyncCursor[Any]:
        """Send the move of the checkpoint to `position`. Its result is for `check_moved`."""
        return await connection.execute(self._move, [position, previous])

    async def check_moved(self, move: AsyncCursor[Any], previous: int) -> None:
        """Raise `CheckpointConflict` if the checkpoint was not at `previous`."""
        if await move.fetchone() is None:
            raise CheckpointConflict(
                f"the read models in schema {self.schema} are not at position {previous}"
            )

    async def project(
        self, connection: Connection, batch: CommitBatch, *, counting: bool = True
    ) -> ProjectedRows:
        """Return the rows that a batch produces from the current ones; without `counting` all but the counters."""
        known = [job_id for job_id, commits in batch.jobs.items() if not commits.begins]
        current = await self.current_rows(connection, known) if known else {}
        return project_batch(batch, current, counting=counting)

    async def write(self, connection: Connection, projected: ProjectedRows) -> None:
        """Write the rows of every table."""
        await self._create_partitions(connection, projected)
        use_copy = len(projected.new.jobs) >= COPY_MIN_JOBS
        await self._end_earlier_spells(connection, projected)
        if use_copy:
            for table, rows in projected.new.by_table():
                await self._copies[table].write(connection, rows)
            await self._copies["activity"].write(connection, projected.activity)
            await self._copies["commit_index"].write(connection, projected.commit_index)
            await self._copies["job_spells"].write(connection, projected.job_spells)
        async with connection.pipeline():
            if not use_copy:
                await self._send_new(connection, projected)
            await self._send_others(connection, projected)

    async def send(self, connection: Connection, projected: ProjectedRows) -> None:
        """Write the rows of every table without COPY, in a pipeline that the caller has begun."""
        await self._create_partitions(connection, projected)
        await self._end_earlier_spells(connection, projected)
        await self._send_new(connection, projected)
        await self._send_others(connection, projected)

    async def _create_partitions(self, connection: Connection, projected: ProjectedRows) -> None:
        await self._partitions.create_missing(connection, [row["number"] for row in projected.new.prompts])

    async def _end_earlier_spells(self, connection: Connection, projected: ProjectedRows) -> None:
        if projected.ended_spells:
            ended = [list(projected.ended_spells), list(projected.ended_spells.values())]
            await connection.execute(self._end_spells, ended)

    async def _send_new(self, connection: Connection, projected: ProjectedRows) -> None:
        await self._upsert_jobs(connection, projected.new)
        await self._activity.send(connection, projected.activity)
        await self._commit_index.send(connection, projected.commit_index)
        await self._job_spells.send(connection, projected.job_spells)

    async def _send_others(self, connection: Connection, projected: ProjectedRows) -> None:
        changes = projected.counter_changes
        if projected.erased:
            await connection.execute(self._note_erased, [list(projected.erased.values())])
        await self._upsert_jobs(connection, projected.known)
        await self._commit_times.send(connection, projected.commit_times)
        if projected.erased:
            erased = ["{" + ",".join(projected.erased) + "}"]
            await connection.execute(self._delete_artifacts, erased)
            await connection.execute(self._forget_addresses, erased)
        await self._workers.send(connection, projected.worker_rows())
        await self.count(connection, changes)
        await self._rollups.send(connection, changes.rollup_rows())
        await self._depths.send(connection, changes.depth_rows())
        await self._timings.send(connection, changes.timing_rows())

    async def write_prompts(
        self, connection: Connection, prompts: Sequence[Row], trigrams: Sequence[Row]
    ) -> None:
        """Write rows of `prompts` and `prompt_trigrams` for known jobs."""
        await self._upserts["prompts"].send(connection, prompts)
        await self._upserts["prompt_trigrams"].send(connection, trigrams)

    async def _upsert_jobs(self, connection: Connection, job_rows: JobTableRows) -> None:
        for table, rows in job_rows.by_table():
            await self._upserts[table].send(connection, rows)

    async def count(self, connection: Connection, changes: CounterChanges) -> None:
        """Add changes to the counters."""
        await self._counters.send(connection, changes.counter_rows())
