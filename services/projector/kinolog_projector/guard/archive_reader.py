"""Reads the archive of commits, also one with damaged pages."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.readmodel.database import Connection

HASH = """
SELECT count(*), sha256(coalesce(string_agg(
    int8send(position) || sha256(raw) || digest || convert_to(job_id, 'UTF8'), ''::bytea ORDER BY position), ''))
FROM kinolog.archive WHERE position > %s AND position <= %s
"""
ROWS = """
SELECT position, job_id, raw, digest FROM kinolog.archive WHERE position > %s AND position <= %s ORDER BY position
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRow:
    """A row of the archive. `intact` is False if its bytes, hash or job contradict each other, or cannot be read."""

    position: int
    job_id: str
    raw: bytes
    intact: bool


class ArchiveReader:
    """Reads `kinolog.archive` over one connection in autocommit mode."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def position(self) -> int:
        """Return the last archived position; 0 if there is none."""
        cursor = await self._connection.execute("SELECT position FROM kinolog.log_checkpoint")
        row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0

    async def hash(self, after: int, until: int) -> bytes | None:
        """Return a hash over the rows after `after` up to `until`; None if one is missing or cannot be read."""
        try:
            cursor = await self._connection.execute(HASH, [after, until])
        except psycopg.InternalError:  # a damaged page
            return None
        row = await cursor.fetchone()
        return bytes(row[1]) if row is not None and row[0] == until - after else None

    async def rows(self, after: int, until: int) -> dict[int, ArchiveRow]:
        """Return the rows after `after` up to `until` by position. Rows on a damaged page are not intact."""
        try:
            cursor = await self._connection.execute(ROWS, [after, until])
        except psycopg.InternalError:
            if until - after == 1:
                return {until: ArchiveRow(position=until, job_id="", raw=b"", intact=False)}
            middle = (after + until) // 2
            return await self.rows(after, middle) | await self.rows(middle, until)
        return {
            int(position): _row(int(position), str(job_id), bytes(raw), bytes(digest))
            for position, job_id, raw, digest in await cursor.fetchall()
        }


def _row(position: int, job_id: str, raw: bytes, digest: bytes) -> ArchiveRow:
    try:
        wire, stored = parse_commit(raw)
    except DamagedCommit:
        intact = False
    else:
        intact = stored == digest and wire.job_id == job_id
    return ArchiveRow(position=position, job_id=job_id, raw=raw, intact=intact)
