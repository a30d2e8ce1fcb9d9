"""Copies the stream of facts about API keys into Postgres, and fills a lost stream from there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import psycopg
from psycopg import sql

from kinolog.access.access_log import AccessLog
from kinolog.access.api_key import RecordedAccessCommit
from kinolog.codec.access import decode_access_commit
from kinolog.codec.commits import DamagedCommit
from kinolog.ports.event_store import RESTORE, DamagedLog, LogUnavailable
from kinolog.process.logs import fields
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.readmodel.database import Connection, writer_connection
from kinolog_projector.projection.writer import BatchWriter

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""Pause before the stream is followed again after an error."""

ADD = sql.SQL(
    "INSERT INTO kinolog.access_archive (position, key_id, raw)"
    " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) ON CONFLICT DO NOTHING"
)
READ = sql.SQL("SELECT position, raw FROM kinolog.access_archive WHERE position > %s ORDER BY position")
LAST = sql.SQL("SELECT position, raw FROM kinolog.access_archive ORDER BY position DESC LIMIT 1")


@dataclass(frozen=True, slots=True)
class ArchivedAccessCommit:
    """A message of the stream, as the archive has it."""

    position: int
    raw: bytes


async def archived_after(connection: Connection, position: int) -> list[ArchivedAccessCommit]:
    """Return what the archive holds after a position, in order."""
    cursor = await connection.execute(READ, [position])
    return [ArchivedAccessCommit(int(at), bytes(raw)) for at, raw in await cursor.fetchall()]


async def archive_batch(connection: Connection, batch: Sequence[RecordedAccessCommit]) -> None:
    """Add commits. Those that are there stay."""
    columns = [
        [recorded.position for recorded in batch],
        [recorded.commit.key_id for recorded in batch],
        [recorded.raw for recorded in batch],
    ]
    await connection.execute(ADD, columns)


async def add_noted(connection: Connection, noted: Sequence[ArchivedAccessCommit]) -> int | None:
    """Add messages that continue the archive. Return their number; None if the archive is no beginning of them.

    Raises `DamagedLog` for a message that is damaged.
    """
    archived = await archived_after(connection, 0)
    if archived != list(noted[: len(archived)]):
        return None
    new = [_decoded(commit) for commit in noted[len(archived) :]]
    if new:
        await archive_batch(connection, new)
    return len(new)


def _decoded(commit: ArchivedAccessCommit) -> RecordedAccessCommit:
    try:
        return decode_access_commit(commit.position, commit.raw)
    except DamagedCommit as error:
        raise DamagedLog(f"position {commit.position}: {error}") from error


class AccessArchive:
    """Follows the stream while this process leads. A stream that lost its end, or was replaced, becomes an alarm."""

    def __init__(self, database_url: str, log: AccessLog, alarm: ProblemAlarm) -> None:
        self._database_url = database_url
        self._log = log
        self._alarm = alarm

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Archive what comes, until cancelled."""
        while True:
            try:
                async with await writer_connection(self._database_url, "kinolog-access") as connection:
                    await self._follow(connection)
            except DamagedLog as damage:
                logger.error("the stream of API keys is damaged: %s", damage, extra=fields("access_damaged"))
                await self._alarm.update(f"The stream of API keys is damaged: {damage}. {RESTORE}")
            except (LogUnavailable, psycopg.OperationalError) as error:
                logger.warning("facts about API keys are not archived now: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, connection: Connection) -> None:
        cursor = await connection.execute(LAST)
        row = await cursor.fetchone()
        position, raw = (int(row[0]), bytes(row[1])) if row is not None else (0, b"")
        if position:
            async with aclosing(self._log.read(position - 1)) as batches:
                async for batch in batches:
                    if batch[0].raw != raw:
                        raise DamagedLog(f"it holds another message at {position} than its archive")
                    break
                else:
                    raise DamagedLog(f"it ends before {position}, which is archived")
        await self._alarm.update("")
        async with aclosing(self._log.follow(position)) as batches:
            async for batch in batches:
                await archive_batch(connection, batch)
