"""Reads unfinished jobs from the read model, for the reconciler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from psycopg_pool import AsyncConnectionPool

from kinolog.readmodel.database import Connection, reader_connection
from kinolog_projector.dispatch.reconciler import UnfinishedJob

PAGE_SIZE = 5_000

QUERY = (
    "SELECT updated_at, id, status = 'processing' FROM projection.jobs WHERE status IN ('queued', 'processing')"
    " AND (updated_at < %(start)s OR updated_at > %(end)s) AND (updated_at, id) > (%(last_change)s, %(last_id)s)"
    " ORDER BY updated_at, id LIMIT %(size)s"
)
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


class ReadModelUnfinishedJobs:
    """Jobs that are queued or processing and were not changed within a span of time, in pages."""

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
