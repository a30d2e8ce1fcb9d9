"""Removes erased texts from the files of the database. See docs/decisions/0037.

An update leaves the old row in its page, and both in the write-ahead log. So the partitions of `prompts` and of the
archive of keys that held the job are rewritten, and then the write-ahead log begins a new file and the old ones are
deleted. What is to be done is in `kinolog.erased_prompts`, so a restart continues it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog.readmodel.tables import PARTITION_POSITIONS, PROJECTION_SCHEMA
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.schema.advisory_locks import REBUILD_LOCK
from kinolog_projector.schema.database_damage import DatabaseDamageAlarm, described_damage
from kinolog_projector.schema.position_partitions import partition_name
from kinolog_projector.schema.projection_schema import drop_projection

logger = logging.getLogger(__name__)

ROUND_SECONDS = 10.0
"""Pause between two rounds. Erasures of one round share their work."""

LOCK_MILLISECONDS = 250
"""How long a round waits for a partition that is being read. New readers wait behind it."""

PENDING = sql.SQL("SELECT number, deleted_by FROM kinolog.erased_prompts ORDER BY number")
DONE = sql.SQL(
    "DELETE FROM kinolog.erased_prompts USING unnest(%s::bigint[], %s::bigint[]) AS done(number, deleted_by)"
    " WHERE erased_prompts.number = done.number AND erased_prompts.deleted_by = done.deleted_by"
)
OLDER_READERS = sql.SQL(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND age(backend_xmin) >= age((%s %% 4294967296)::text::xid)"
)
"""Readers whose snapshot still shows a row. Rows that a snapshot shows are rewritten with the others."""

OTHER_SCHEMAS = sql.SQL("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s")
FUTURE_WAL_FILES = sql.SQL(
    "SELECT count(*) FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn())"
)
NEW_WAL_FILE = (
    sql.SQL("SELECT pg_logical_emit_message(false, 'kinolog', '')"),  # a file without a record is not ended
    sql.SQL("SELECT pg_switch_wal()"),
)


@dataclass(frozen=True, slots=True)
class _ErasedPrompt:
    """A job whose texts the files may hold, and the transaction that deleted them."""

    number: int
    deleted_by: int


class Scrub:
    """Removes erased texts from files while this process leads."""

    def __init__(self, database_url: str, alarm: DatabaseDamageAlarm | None = None) -> None:
        """Take the database, and the alarm about damage that keeps texts in it."""
        self._database_url = database_url
        self._alarm = alarm
        self._may_discard_wal = True
        self._statistics_removed = False

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Remove what is erased, round by round, until cancelled."""
        while True:
            damage = ""
            try:
                await self.scrub()
            except psycopg.InternalError as error:
                damage = await described_damage(self._database_url, error)
                logger.error("erased texts could not be removed from files: %s", damage)
            except psycopg.OperationalError as error:
                logger.warning("erased texts could not be removed from files yet: %s", type(error).__name__)
            if self._alarm is not None:
                await self._alarm.update(damage)
            await asyncio.sleep(ROUND_SECONDS)

    async def scrub(self) -> int:
        """Do one round. Return the number of jobs whose texts are in no file any more."""
        async with await writer_connection(self._database_url, "kinolog-scrub") as connection:
            pending = await _pending(connection)
            if not pending or not await _try_lock(connection):
                return 0
            try:
                return await self._do_round(connection, pending)
            finally:
                with suppress(psycopg.Error):  # else Postgres releases it some time after the connection ends
                    await connection.execute("SELECT pg_advisory_unlock(%s)", [REBUILD_LOCK])

    async def _do_round(self, connection: Connection, pending: Sequence[_ErasedPrompt]) -> int:
        await connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(LOCK_MILLISECONDS)))
        await _drop_unfinished(connection)
        if await _is_read(connection, max(prompt.deleted_by for prompt in pending)):
            return 0
        done = await self._rewrite(connection, pending)
        if done:
            await self._discard_wal(connection)
            values = [[one.number for one in done], [one.deleted_by for one in done]]
            await connection.execute(DONE, values)
            logger.info("erased texts are removed from files", extra=fields("scrubbed", jobs=len(done)))
        return len(done)

    async def _rewrite(self, connection: Connection, pending: Iterable[_ErasedPrompt]) -> list[_ErasedPrompt]:
        """Rewrite what holds the texts and keys of these jobs. Return the jobs for which nothing was in use."""
        by_partition: dict[int, list[_ErasedPrompt]] = {}
        for prompt in pending:
            by_partition.setdefault(prompt.number // PARTITION_POSITIONS, []).append(prompt)
        done = []
        for index, prompts in by_partition.items():
            tables = ((PERMANENT_SCHEMA, "key_archive"), (PROJECTION_SCHEMA, "prompts"))
            if all(
                [await _vacuum(connection, schema, partition_name(table, index)) for schema, table in tables]
            ):
                done += prompts
        return done

    async def _discard_wal(self, connection: Connection) -> None:
        """Begin a new file of the write-ahead log and delete the old ones. Their reuse must be off (`wal_recycle`).

        Files that were prepared for reuse before hold old records too; they are used up.
        """
        if not self._may_discard_wal:
            return
        try:
            if not self._statistics_removed:
                # An earlier version let the planner collect statistics of prompts, which hold some of them.
                await connection.execute("VACUUM (FULL) pg_catalog.pg_statistic")
                self._statistics_removed = True
            cursor = await connection.execute(FUTURE_WAL_FILES)
            row = await cursor.fetchone()
            for _ in range(1 + (int(row[0]) if row is not None else 0)):
                for statement in NEW_WAL_FILE:
                    await connection.execute(statement)
            await connection.execute("CHECKPOINT")
        except psycopg.errors.InsufficientPrivilege:
            self._may_discard_wal = False
            logger.warning(
                "erased texts stay in Postgres' write-ahead log until it is recycled: this database user may not "
                "discard it (docs/running.md, Erased texts in an outside Postgres)",
                extra=fields("wal_kept"),
            )


async def _pending(connection: Connection) -> list[_ErasedPrompt]:
    cursor = await connection.execute(PENDING)
    return [_ErasedPrompt(int(number), int(deleted_by)) for number, deleted_by in await cursor.fetchall()]


async def _try_lock(connection: Connection) -> bool:
    """Keep rebuilds away, which write texts into files of their own. Return whether none runs."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [REBUILD_LOCK])
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def _drop_unfinished(connection: Connection) -> None:
    """Drop what an interrupted rebuild left: its files hold texts as well."""
    cursor = await connection.execute(OTHER_SCHEMAS, [f"{PROJECTION_SCHEMA}\\_%"])
    for (schema,) in await cursor.fetchall():
        await drop_projection(connection, schema)


async def _is_read(connection: Connection, deleted_by: int) -> bool:
    cursor = await connection.execute(OLDER_READERS, [deleted_by])
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def _vacuum(connection: Connection, schema: str, table: str) -> bool:
    """Rewrite a table. Return False if it is in use; a table that does not exist holds nothing."""
    try:
        await connection.execute(sql.SQL("VACUUM (FULL) {}").format(sql.Identifier(schema, table)))
    except psycopg.errors.LockNotAvailable:
        return False
    except psycopg.errors.UndefinedTable:
        return True
    return True
