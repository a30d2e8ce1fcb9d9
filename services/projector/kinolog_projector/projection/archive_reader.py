"""Reading the archive back, to refill a log that has lost commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from kinolog.readmodel.database import Connection

BATCH = 1_000
READ = "SELECT position, raw FROM kinolog.archive WHERE position > %s ORDER BY position LIMIT %s"


async def read_archive(connection: Connection) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
    """All of the archive, position and raw message, in batches from the first commit on."""
    position = 0
    while True:
        cursor = await connection.execute(READ, [position, BATCH])
        found = [(int(row[0]), bytes(row[1])) for row in await cursor.fetchall()]
        if not found:
            return
        yield found
        position = found[-1][0]
