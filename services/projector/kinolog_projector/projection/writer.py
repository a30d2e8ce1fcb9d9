"""Writes batches: archive, read models and checkpoints in one transaction, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from struct import Struct
from typing import Any

import psycopg
from psycopg import sql

from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import DamagedLog
from kinolog.readmodel import permanent_tables
from kinolog.readmodel.database import Connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog.readmodel.tables import Row
from kinolog_projector.bulk.upserts import insert
from kinolog_projector.projection.batch import CommitBatch
from kinolog_projector.projection.key_archive import ArchivedKey, KeyArchive
from kinolog_projector.projection.projection_tables import (
    COPY_MIN_JOBS,
    CheckpointConflict,
    ProjectionTables,
)
from kinolog_projector.projection.uninterrupted import uninterrupted

MOVE_LOG = sql.SQL(
    "UPDATE kinolog.log_checkpoint SET position = %s, digest = %s WHERE position = %s RETURNING position"
)
LOCK_LOG = sql.SQL("SELECT position, digest FROM kinolog.log_checkpoint FOR UPDATE")
ARCHIVE = sql.SQL("COPY kinolog.archive (position, job_id, raw, digest) FROM STDIN (FORMAT BINARY)")

ARCHIVE_FEW = insert(permanent_tables.archive, PERMANENT_SCHEMA)
BEGIN, COMMIT = b"BEGIN", b"COMMIT"

_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_ROW_START, _LENGTH = Struct(">hiqi"), Struct(">i")


class BatchWriter:
    """Applies batches to the archive and the live projection, one at a time.

    Checkpoints keep competing projectors from writing the same batch twice.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._projection = ProjectionTables()
        self.key_archive = KeyArchive()
        self._lock = asyncio.Lock()

    async def position(self) -> tuple[int, bytes]:
        """Return position and digest of the last archived commit; 0 and empty if there is none."""
        return await uninterrupted(self._position())

    async def _position(self) -> tuple[int, bytes]:
        async with self._lock, self._connection.transaction():
            cursor = await self._connection.execute(LOCK_LOG)
            row = await cursor.fetchone()
            if row is None:
                raise DamagedLog("the database has no checkpoint of the log; run kinolog-projector migrate")
            position, digest = row
            return position, bytes(digest)

    async def ids(self, query: sql.SQL, values: Sequence[Any]) -> list[str]:
        """Return the ids in the result of a query."""
        return await uninterrupted(self._ids(query, values))

    async def _ids(self, query: sql.SQL, values: Sequence[Any]) -> list[str]:
        async with self._lock:
            cursor = await self._connection.execute(query, values)
            return [job_id for (job_id,) in await cursor.fetchall()]

    async def run_exclusively(self, work: Callable[[Connection, ProjectionTables], Awaitable[None]]) -> None:
        """Run `work` in a transaction in which no other process or task writes; the checkpoint does not move."""
        await uninterrupted(self._run_exclusively(work))

    async def _run_exclusively(self, work: Callable[[Connection, ProjectionTables], Awaitable[None]]) -> None:
        try:
            async with self._lock, self._connection.transaction():
                await self._connection.execute(LOCK_LOG)
                await work(self._connection, self._projection)
        except BaseException:  # the caller may go on, without the partitions that the transaction made
            self._projection, self.key_archive = ProjectionTables(), KeyArchive()
            raise

    async def apply(self, batch: CommitBatch) -> None:
        """Write a batch. Raises `CheckpointConflict`, and writes nothing, if another projector was faster."""
        await uninterrupted(self._apply(batch))

    async def _apply(self, batch: CommitBatch) -> None:
        async with self._lock:
            if len(batch.commits) < COPY_MIN_JOBS:
                await self._apply_few(batch)
                return
            async with self._connection.transaction():
                await self._move_checkpoints(batch)
                await archive(self._connection, batch.commits)
                await self._archive_keys(batch)
                projected = await self._projection.project(self._connection, batch)
                await self._projection.write(self._connection, projected)

    async def _apply_few(self, batch: CommitBatch) -> None:
        """Write a batch without COPY, in few round trips: for a few commits these take longer than the rows.

        The server carries out nothing after a statement that fails, and so no COMMIT.
        """
        connection = self._connection
        try:
            async with connection.pipeline():
                await connection.execute(BEGIN)
                await self._move_checkpoints(batch)
                projected = await self._projection.project(connection, batch)
                await ARCHIVE_FEW.send(connection, _archive_columns(batch.commits))
                await self._archive_keys(batch)
                await self._projection.send(connection, projected)
                await connection.execute(COMMIT)
        except BaseException:
            with suppress(psycopg.Error):  # such as of a lost connection, whose transaction has ended with it
                await connection.rollback()
            raise

    async def _move_checkpoints(self, batch: CommitBatch) -> None:
        previous, tail = batch.first - 1, batch.commits[-1]
        moved = await self._connection.execute(MOVE_LOG, [tail.position, tail.digest, previous])
        following = await self._projection.send_move(self._connection, previous, batch.last)
        if await moved.fetchone() is None:
            raise CheckpointConflict(f"the archive is not at position {previous}")
        await self._projection.check_moved(following, previous)

    async def _archive_keys(self, batch: CommitBatch) -> None:
        await self.key_archive.store(self._connection, archived_keys(batch))
        await self.key_archive.delete(self._connection, batch.erased_keys)


async def archive(connection: Connection, commits: Sequence[RecordedCommit]) -> None:
    """Append raw commits to the archive."""
    async with connection.cursor() as cursor, cursor.copy(ARCHIVE) as copy:
        await copy.write(archive_rows(commits))


def _archive_columns(commits: Sequence[RecordedCommit]) -> list[Row]:
    return [
        {"position": each.position, "job_id": each.commit.job_id, "raw": each.raw, "digest": each.digest}
        for each in commits
    ]


def archived_keys(batch: CommitBatch) -> list[ArchivedKey]:
    """Return the keys of the jobs that begin in a batch and are not erased in it."""
    return [
        ArchivedKey(commits.state.sealing_key_id, wrapped, commits.commits[0].position)
        for job_id, wrapped in batch.wrapped_keys.items()
        if not (commits := batch.jobs[job_id]).state.erased
    ]


def archive_rows(commits: Sequence[RecordedCommit]) -> bytes:
    """Return rows of the archive in the binary format of COPY: the number of fields, then length and bytes of each."""
    parts = [_COPY_HEADER]
    for recorded in commits:
        job_id = recorded.commit.job_id.encode()
        parts += (
            _ROW_START.pack(4, 8, recorded.position, len(job_id)),
            job_id,
            _LENGTH.pack(len(recorded.raw)),
            recorded.raw,
            _LENGTH.pack(len(recorded.digest)),
            recorded.digest,
        )
    parts.append(_COPY_END)
    return b"".join(parts)
