"""Reads unfinished jobs from the read model, for the reconciler and for the deadlines of starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from psycopg_pool import AsyncConnectionPool

from kinolog.readmodel.database import Connection, reader_connection
from kinolog_projector.dispatch.reconciler import UnfinishedJob

PAGE_SIZE = 5_000

QUERY = (
    "SELECT updated_at, id, status = 'processing' FROM projection.jobs WHERE status IN ('queued', 'processing')"
    " AND (status = 'processing' OR paused_at IS NULL)"
    " AND (updated_at < %(start)s OR updated_at > %(end)s) AND (updated_at, id) > (%(last_change)s, %(last_id)s)"
    " ORDER BY updated_at, id LIMIT %(size)s"
)
LATE_STARTS = (
    "SELECT start_before, id FROM projection.jobs WHERE status = 'queued' AND attempt = 0 AND start_before <= %(now)s"
    " AND (start_before, id) > (%(last_time)s, %(last_id)s) ORDER BY start_before, id LIMIT %(size)s"
)
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


class ReadModelUnfinishedJobs:
    """Jobs that are queued or processing and were not changed within a span of time, in pages.

    Queued jobs that are paused are left out: they have no ticket.
    """

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool

    async def __call__(self, start: datetime, end: datetime) -> AsyncIterator[Sequence[UnfinishedJob]]:
        """Yield the jobs that were not changed from `start` to `end`, oldest change first.

        Raises `ReadModelUnavailable`.
        """
        last_change, last_id = _BEFORE_ALL, ""
        while True:
            values = {"start": start, "end": end, "last_change": last_change, "last_id": last_id}
            async with reader_connection(self._pool) as connection:
                cursor = await connection.execute(QUERY, values | {"size": PAGE_SIZE})
                page = await cursor.fetchall()
            if page:
                yield [UnfinishedJob(job_id, running) for _, job_id, running in page]
                last_change, last_id, _ = page[-1]
            if len(page) < PAGE_SIZE:
                return


class ReadModelLateStarts:
    """Jobs that should have started and have not, in pages."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool

    async def __call__(self, now: datetime) -> AsyncIterator[Sequence[str]]:
        """Yield the ids of the jobs, earliest deadline first. Raises `ReadModelUnavailable`."""
        last_time, last_id = _BEFORE_ALL, ""
        while True:
            values = {"now": now, "last_time": last_time, "last_id": last_id, "size": PAGE_SIZE}
            async with reader_connection(self._pool) as connection:
                cursor = await connection.execute(LATE_STARTS, values)
                page = await cursor.fetchall()
            if page:
                yield [job_id for _, job_id in page]
                last_time, last_id = page[-1]
            if len(page) < PAGE_SIZE:
                return
