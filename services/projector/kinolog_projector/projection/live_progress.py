"""Writes live progress: percentages and log lines of running jobs, as workers report them.

Live progress is no part of the history: it may be lost, and a rebuild need not reproduce it. Percentages are written
at most twice a second, only the newest of each job. Log lines are written in batches, each identified by its sequence
in the feed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from psycopg import sql

from kinolog.codec.progress import encode_note
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.progress import LogLine, Progress, ProgressFeed, ProgressUpdate
from kinolog.process.tasks import keep_running
from kinolog.readmodel import tables
from kinolog.readmodel.database import Connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA, log_lines
from kinolog.readmodel.queries.feeds import SEVERITIES
from kinolog.readmodel.tables import Row
from kinolog_projector.bulk.array_literals import ArrayColumn
from kinolog_projector.bulk.upserts import insert
from kinolog_projector.projection.counter_changes import CounterChanges
from kinolog_projector.projection.current_row import CurrentRow
from kinolog_projector.projection.projection_tables import ProjectionTables
from kinolog_projector.projection.writer import BatchWriter

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
RETRY_SECONDS = 2.0
MAX_LINES = 20_000
"""Log lines that wait to be written; beyond these the oldest are dropped."""
MAX_JOBS = 10_000
"""Jobs whose newest percentage waits to be written; a process that stands by writes none."""
BACKFILL_JOBS = 500

RECENT_JOBS = sql.SQL(
    "SELECT id FROM projection.jobs WHERE status = 'processing' OR (finished_at IS NOT NULL AND"
    " updated_at > now() - interval '10 minutes') ORDER BY updated_at DESC LIMIT %s"
)
UPDATE_LIVE_COLUMNS = sql.SQL(
    "UPDATE {} AS job SET percent = given.percent, eta_seconds = given.eta_seconds"
    " FROM unnest(%s::text[], %s::float8[], %s::float8[]) AS given(id, percent, eta_seconds)"
    " WHERE job.id = given.id"
)
INSERT_LINES = insert(log_lines, PERMANENT_SCHEMA, or_skip=True)

_LIVE = [ArrayColumn(tables.jobs.c[name]) for name in ("id", *tables.LIVE_COLUMNS)]


class LiveProgressWriter:
    """Collects live progress at all times, and writes it while this process leads."""

    def __init__(self, feed: ProgressFeed) -> None:
        self._feed = feed
        self._progress: dict[str, Progress] = {}
        self._lines: list[LogLine] = []
        self._arrived = asyncio.Event()

    async def collect(self) -> None:
        """Follow the feed until cancelled."""
        await keep_running("following the progress feed", self._follow, RETRY_SECONDS)

    async def _follow(self) -> None:
        async with aclosing(self._feed.follow()) as updates:
            async for update in updates:
                self._add(update)

    async def write(self, writer: BatchWriter) -> None:
        """Write what is collected, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self.flush(writer)
            await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self, writer: BatchWriter) -> None:
        """Write what is collected now."""
        progress, self._progress = self._progress, {}
        lines, self._lines = self._lines, []
        try:
            await write_live_progress(writer, list(progress.values()), lines)
        except BaseException:
            # Put them back for the next flush: newer progress wins, and lines are identified by their sequence.
            self._progress = progress | self._progress
            self._lines = lines + self._lines
            self._arrived.set()
            raise

    async def backfill(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """After catching up with the log, read recent updates of the feed, which no process may have followed."""
        await caught_up.wait()
        for job_id in await writer.ids(RECENT_JOBS, [BACKFILL_JOBS]):
            try:
                for update in await self._feed.recent(job_id):
                    if isinstance(update, LogLine) or job_id not in self._progress:
                        self._add(update)
            except LogUnavailable as unavailable:
                logger.warning("cannot read back the log lines of job %s: %s", job_id, unavailable)

    def _add(self, update: ProgressUpdate) -> None:
        if isinstance(update, Progress):
            self._progress.pop(update.job_id, None)
            self._progress[update.job_id] = update
            if len(self._progress) > MAX_JOBS:
                del self._progress[next(iter(self._progress))]
        elif isinstance(update, LogLine):
            self._lines.append(update)
            del self._lines[:-MAX_LINES]
        else:
            return
        self._arrived.set()


async def write_live_progress(
    writer: BatchWriter, progress: Sequence[Progress], lines: Iterable[LogLine]
) -> None:
    """Write percentages of running attempts, and log lines that are new."""
    rows = [_line_row(line) for line in {line.sequence: line for line in lines}.values()]

    async def write(connection: Connection, projection: ProjectionTables) -> None:
        if rows:
            await INSERT_LINES.send(connection, rows)
        if progress:
            await _write_progress(connection, projection, progress)

    await writer.run_exclusively(write)


def _line_row(line: LogLine) -> Row:
    return {
        "sequence": line.sequence,
        "job_id": line.job_id,
        "attempt": line.attempt,
        "at": line.at,
        "severity": SEVERITIES[line.level],
        "message": line.message,
        "note": encode_note(line.note) if line.note is not None else None,
    }


async def _write_progress(
    connection: Connection, projection: ProjectionTables, progress: Sequence[Progress]
) -> None:
    current = await projection.current_rows(connection, [report.job_id for report in progress])
    changed: list[Row] = []
    for report in progress:
        row = current.get(report.job_id)
        if row is None or row.status != "processing" or row.attempt != report.attempt:
            continue
        percent = min(100.0, max(0.0, report.percent))
        if (row.percent, row.eta_seconds) != (percent, report.eta_seconds):
            changed.append({"id": row.id, "percent": percent, "eta_seconds": report.eta_seconds})
    await update_live_columns(connection, projection, current, changed)


async def update_live_columns(
    connection: Connection,
    projection: ProjectionTables,
    current: Mapping[str, CurrentRow],
    changed: Sequence[Row],
) -> None:
    """Write rows of id and live columns, and move their jobs in the counters."""
    if not changed:
        return
    changes = CounterChanges()
    for row in changed:
        job = current[row["id"]]
        before = job.counted
        changes.move(job.tenant, before, before._replace(keys=replace(before.keys, percent=row["percent"])))
    statement = UPDATE_LIVE_COLUMNS.format(sql.Identifier(projection.schema, "jobs"))
    await connection.execute(
        statement, [column.literal([row[column.name] for row in changed]) for column in _LIVE]
    )
    await projection.count(connection, changes)
