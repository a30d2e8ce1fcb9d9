"""Keeping the weather: percentages and log lines of running jobs, as workers report them.

Not part of the history: it may be lost, and a rebuild need not bring it back. Percentages are written at most twice
a second, only the newest of each job; log lines in batches, each known by its place in the feed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from psycopg import sql

from kinolog.codec.progress import encode_note
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.progress import LogLine, Progress, ProgressFeed, ProgressUpdate
from kinolog.readmodel import tables
from kinolog.readmodel.counter_cells import SortKeys
from kinolog.readmodel.database import Connection
from kinolog.readmodel.queries.feeds import SEVERITIES
from kinolog_projector.bulk.array_literals import text_element
from kinolog_projector.bulk.upserts import insert
from kinolog_projector.projection.counter_changes import CounterChanges
from kinolog_projector.projection.current_row import CurrentRow
from kinolog_projector.projection.writer import BatchWriter, ProjectionTables

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
RETRY_SECONDS = 2.0
MOST_LINES = 20_000
"""Log lines that wait to be written; beyond these the oldest are dropped."""
MOST_JOBS = 10_000
"""Jobs whose newest percentage waits to be written; a process that stands by writes none."""
BACKFILL_JOBS = 500

RECENT = sql.SQL(
    "SELECT id FROM projection.jobs WHERE status = 'processing' OR (finished_at IS NOT NULL AND"
    " updated_at > now() - interval '10 minutes') ORDER BY updated_at DESC LIMIT %s"
)
UPDATE = sql.SQL(
    "UPDATE projection.jobs AS there SET percent = given.percent, eta_seconds = given.eta_seconds"
    " FROM unnest(%s::text[], %s::float8[], %s::float8[]) AS given(id, percent, eta_seconds)"
    " WHERE there.id = given.id"
)
LINES = insert(tables.log_lines, tables.KEPT_SCHEMA, or_skip=True)


class LiveProgressWriter:
    """Gathers weather all the time, and writes it down while this process leads."""

    def __init__(self, feed: ProgressFeed) -> None:
        self._feed = feed
        self._progress: dict[str, Progress] = {}
        self._lines: list[LogLine] = []
        self._arrived = asyncio.Event()

    async def gather(self) -> None:
        """Follow the feed for ever."""
        while True:
            try:
                async for one in self._feed.follow():
                    self._take(one)
            except LogUnavailable as unavailable:
                logger.warning("the progress feed cannot be followed, trying on: %s", unavailable)
            await asyncio.sleep(RETRY_SECONDS)

    async def keep(self, writer: BatchWriter) -> None:
        """Write down what gathers, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self.flush(writer)
            await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self, writer: BatchWriter) -> None:
        """Write down what has gathered."""
        progress, self._progress = self._progress, {}
        lines, self._lines = self._lines, []
        try:
            await write_live_progress(writer, list(progress.values()), lines)
        except BaseException:
            # Lost for the moment only: what is newer wins, and lines are known by their sequence.
            self._progress = progress | self._progress
            self._lines = lines + self._lines
            self._arrived.set()
            raise

    async def backfill(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Once the log is caught up with, take what the feed still holds of recent jobs: nobody may have followed."""
        await caught_up.wait()
        for job_id in await writer.ids(RECENT, [BACKFILL_JOBS]):
            try:
                for one in await self._feed.recent(job_id):
                    if isinstance(one, LogLine) or job_id not in self._progress:
                        self._take(one)
            except LogUnavailable as unavailable:
                logger.warning("log lines of job %s cannot be read back: %s", job_id, unavailable)

    def _take(self, one: ProgressUpdate) -> None:
        if isinstance(one, Progress):
            self._progress.pop(one.job_id, None)
            self._progress[one.job_id] = one
            if len(self._progress) > MOST_JOBS:
                del self._progress[next(iter(self._progress))]
        elif isinstance(one, LogLine):
            self._lines.append(one)
            del self._lines[:-MOST_LINES]
        else:
            return
        self._arrived.set()


async def write_live_progress(
    writer: BatchWriter, progress: Sequence[Progress], lines: Iterable[LogLine]
) -> None:
    """Write percentages of attempts that run, and log lines that are new."""
    rows = [
        (
            line.sequence,
            line.job_id,
            line.attempt,
            line.at,
            SEVERITIES[line.level],
            line.message,
            encode_note(line.note) if line.note is not None else None,
        )
        for line in {line.sequence: line for line in lines}.values()
    ]

    async def write(connection: Connection, projection: ProjectionTables) -> None:
        if rows:
            await connection.execute(LINES.query, LINES.parameters(rows))
        if progress:
            await _write_progress(connection, projection, progress)

    await writer.in_turn(write)


async def _write_progress(
    connection: Connection, projection: ProjectionTables, progress: Sequence[Progress]
) -> None:
    before = await projection.before(connection, [one.job_id for one in progress])
    tally = CounterChanges()
    ids, percents, etas = [], [], []
    for one in progress:
        known = before.get(one.job_id)
        if known is None or known.status != "processing" or known.attempt != one.attempt:
            continue
        percent = min(100.0, max(0.0, one.percent))
        eta = one.eta_seconds
        if (known.percent, known.eta_seconds) == (percent, eta):
            continue
        tally.move(known.tenant, (known.keys, known.kind), (_at(known, percent), known.kind))
        ids.append(text_element(known.id))
        percents.append(repr(percent))
        etas.append("NULL" if eta is None else repr(eta))
    if ids:
        await connection.execute(UPDATE, ["{" + ",".join(part) + "}" for part in (ids, percents, etas)])
        await projection.count(connection, tally)


def _at(known: CurrentRow, percent: float) -> SortKeys:
    keys = known.keys
    return SortKeys(keys.number, keys.created_at, keys.updated_at, percent, keys.duration_us, keys.urgency)
