"""Reads the archive, to restore a log that has lost commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from kinolog.readmodel.database import Connection

BATCH_COMMITS = 1_000
READ = "SELECT position, raw FROM kinolog.archive WHERE position > %s ORDER BY position LIMIT %s"


async def read_archive(connection: Connection) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
    """Yield the whole archive, position and raw message of each commit, in batches from the first commit on."""
    position = 0
    while True:
        cursor = await connection.execute(READ, [position, BATCH_COMMITS])
        commits = [(int(at), bytes(raw)) for at, raw in await cursor.fetchall()]
        if not commits:
            return
        yield commits
        position, _ = commits[-1]
