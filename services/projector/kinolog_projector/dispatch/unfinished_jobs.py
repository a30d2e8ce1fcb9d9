"""Reads unfinished jobs from the read model, for the reconciler."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg_pool import AsyncConnectionPool

from kinolog.readmodel.database import Connection, reader_connection

QUERY = (
    "SELECT id FROM projection.jobs WHERE status IN ('queued', 'processing') AND updated_at < %s"
    " ORDER BY updated_at LIMIT 10000"
)


class ReadModelUnfinishedJobs:
    """Ids of jobs that are queued or processing and have not changed since a time, oldest change first."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool

    async def __call__(self, unchanged_since: datetime) -> Sequence[str]:
        """Return the ids. Raises `ReadModelUnavailable`."""
        async with reader_connection(self._pool) as connection:
            cursor = await connection.execute(QUERY, [unchanged_since])
            return [job_id for (job_id,) in await cursor.fetchall()]
