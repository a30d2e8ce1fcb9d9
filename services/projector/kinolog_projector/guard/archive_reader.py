"""Reads the archive of commits, also one with damaged pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.readmodel.database import Connection

HASH = """
SELECT count(*), sha256(coalesce(string_agg(
    int8send(position) || sha256(raw) || digest || convert_to(job_id, 'UTF8'), ''::bytea ORDER BY position), ''))
FROM kinolog.archive WHERE position > %s AND position <= %s
"""
CONTENT_HASH = """
SELECT sha256(coalesce(string_agg(int8send(position) || sha256(raw), ''::bytea ORDER BY position), ''))
FROM kinolog.archive WHERE position > %s AND position <= %s
"""
ROWS = """
SELECT position, job_id, raw, digest FROM kinolog.archive WHERE position > %s AND position <= %s ORDER BY position
"""

COUNT_JOBS = "SELECT count(*) FROM (SELECT job_id FROM kinolog.archive GROUP BY job_id) AS jobs"
KNOWN_JOBS = "SELECT DISTINCT job_id FROM kinolog.archive WHERE job_id = ANY(%s)"


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
        """Return a hash over the rows after `after` up to `until`; None if one is missing.

        Raises `psycopg.InternalError` for a damaged page.
        """
        cursor = await self._connection.execute(HASH, [after, until])
        row = await cursor.fetchone()
        return bytes(row[1]) if row is not None and row[0] == until - after else None

    async def content_hash(self, after: int, until: int) -> bytes:
        """Return a hash over positions and bytes of the commits after `after` up to `until`.

        `BackupFolder.read_segment` computes the same of a segment. Raises `psycopg.InternalError`.
        """
        cursor = await self._connection.execute(CONTENT_HASH, [after, until])
        row = await cursor.fetchone()
        return bytes(row[0]) if row is not None else b""

    async def rows(self, after: int, until: int) -> dict[int, ArchiveRow]:
        """Return the rows after `after` up to `until` by position. Rows on a damaged page are not intact."""
        for read in (self._read, self._scan):
            try:
                return await read(after, until)
            except psycopg.InternalError:  # a damaged page of the index, or of the table
                continue
        return await self._readable_rows(after, until)

    async def read_job_index(self) -> int:
        """Read the whole index by job, which comparisons by position do not use. Return the number of jobs.

        Raises `psycopg.InternalError` for a damaged page.
        """
        async with self._connection.transaction():
            for setting in ("enable_seqscan", "enable_bitmapscan", "enable_hashagg", "enable_sort"):
                await self._connection.execute(sql.SQL("SET LOCAL {} = off").format(sql.SQL(setting)))
            cursor = await self._connection.execute(COUNT_JOBS)
            row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0

    async def known_jobs(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of the jobs that the archive has. It reads the whole table, whatever its indexes are."""
        async with self._connection.transaction():
            await self._leave_indexes_out()
            cursor = await self._connection.execute(KNOWN_JOBS, [list(job_ids)])
            return {str(job_id) for (job_id,) in await cursor.fetchall()}

    async def _read(self, after: int, until: int) -> dict[int, ArchiveRow]:
        cursor = await self._connection.execute(ROWS, [after, until])
        return {
            int(position): _row(int(position), str(job_id), bytes(raw), bytes(digest))
            for position, job_id, raw, digest in await cursor.fetchall()
        }

    async def _scan(self, after: int, until: int) -> dict[int, ArchiveRow]:
        async with self._connection.transaction():
            await self._leave_indexes_out()
            return await self._read(after, until)

    async def _leave_indexes_out(self) -> None:
        for setting in ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"):
            await self._connection.execute(sql.SQL("SET LOCAL {} = off").format(sql.SQL(setting)))
        await self._connection.execute("SET LOCAL enable_seqscan = on")

    async def _readable_rows(self, after: int, until: int) -> dict[int, ArchiveRow]:
        """Find the rows that can be read by halving the range."""
        try:
            return await self._read(after, until)
        except psycopg.InternalError:
            if until - after == 1:
                return {until: ArchiveRow(position=until, job_id="", raw=b"", intact=False)}
            middle = (after + until) // 2
            return await self._readable_rows(after, middle) | await self._readable_rows(middle, until)


def _row(position: int, job_id: str, raw: bytes, digest: bytes) -> ArchiveRow:
    try:
        wire, stored = parse_commit(raw)
    except DamagedCommit:
        intact = False
    else:
        intact = stored == digest and wire.job_id == job_id
    return ArchiveRow(position=position, job_id=job_id, raw=raw, intact=intact)
