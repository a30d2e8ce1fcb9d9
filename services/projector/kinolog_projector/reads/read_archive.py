"""Copies the stream of reads into Postgres, where questions find them, and deletes what is not to be kept longer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from kinolog.counts import counted
from kinolog.merkle.signed_note import InvalidNote
from kinolog.merkle.tree_head import TreeHead
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.readmodel import permanent_tables
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog.reads.read import ReadBatch, RecordedReadBatch
from kinolog.reads.read_log import ReadBatchLog
from kinolog_projector.bulk.upserts import insert
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.reads.address_key_archive import AddressKeyArchive

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How often the stream is read for new batches."""
RETRY_SECONDS = 5.0
"""Pause before the stream is followed again after an error."""
DELETE_EVERY = timedelta(hours=1)
"""How often old reads are deleted."""

CHECKPOINT = sql.SQL(
    "SELECT greatest(last.position, max(batches.position)), greatest(last.number, max(batches.number),"
    " (SELECT max(until_number) FROM kinolog.read_deletions))"
    " FROM kinolog.read_checkpoint AS last LEFT JOIN kinolog.read_batches AS batches ON batches.number > last.number"
    " GROUP BY last.position, last.number"
)
"""A database that was restored has the batches of the backup, and the checkpoint of an empty one."""
MOVE = sql.SQL(
    "UPDATE kinolog.read_checkpoint SET position = %s, number = %s WHERE position <= %s AND number <= %s"
    " RETURNING position"
)
IN_TREE = sql.SQL(
    "SELECT coalesce(max(number * 256 + octet_length(hashes) / 32), 0) FROM kinolog.read_tree_tiles WHERE level = 0"
)
"""How many batches are in the tree over reads: `kinolog_projector.tree.commit_tree`."""
FIRST_YOUNG = sql.SQL("SELECT min(number) FROM kinolog.read_batches WHERE at >= %s")
DELETE_UNTIL = sql.SQL("DELETE FROM kinolog.read_batches WHERE number <= %s RETURNING number")
OLD_HEADS = sql.SQL(
    "SELECT note, signed_at < %(limit)s FROM kinolog.tree_heads WHERE number = (SELECT max(number) FROM"
    " kinolog.tree_heads) UNION ALL (SELECT note, true FROM kinolog.tree_heads WHERE signed_at < %(limit)s"
    " ORDER BY number DESC LIMIT 1)"
)
"""The last head, and whether it is older than reads are kept; and the last one that is."""
NOTE_DELETION = sql.SQL(
    "INSERT INTO kinolog.read_deletions (until_number, deleted_at, days, by_size) VALUES (%s, %s, %s, %s)"
)
SIZE = sql.SQL("SELECT coalesce(sum(octet_length(raw)), 0) FROM kinolog.read_batches")
LAST_BEYOND = sql.SQL(
    "SELECT number FROM"
    " (SELECT number, sum(octet_length(raw)) OVER (ORDER BY number DESC) AS newer FROM kinolog.read_batches)"
    " AS sizes WHERE newer > %s ORDER BY number DESC LIMIT 1"
)
DELETE_READS = sql.SQL("DELETE FROM kinolog.reads WHERE batch = ANY(%s::bigint[])")
FIRST_KEPT = sql.SQL("SELECT min(position) FROM kinolog.read_batches")

ADD_BATCHES = insert(permanent_tables.read_batches, PERMANENT_SCHEMA)
ADD_READS = insert(permanent_tables.reads, PERMANENT_SCHEMA)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRetention:
    """How long reads are kept, and how many bytes of them."""

    days: int
    size_bytes: int


class ReadArchive:
    """Follows the stream while this process leads."""

    def __init__(
        self,
        database_url: str,
        log: ReadBatchLog,
        keys: AddressKeyArchive,
        kept: ReadRetention,
        alarm: ProblemAlarm,
        clock: Clock,
    ) -> None:
        self._database_url = database_url
        self._log = log
        self._keys = keys
        self._kept = kept
        self._alarm = alarm
        self._clock = clock
        self._deleted_at: datetime | None = None
        self._damaged = 0
        self.archived = 0

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        return [
            Metric(
                name="kinolog_read_batches_archived_total",
                value=self.archived,
                help="Batches of reads that were archived.",
                kind="counter",
            )
        ]

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Archive what comes, until cancelled."""
        while True:
            try:
                await self._keys.begin(writer, self._clock(), self._kept.days)
                async with await writer_connection(self._database_url, "kinolog-reads") as connection:
                    while True:
                        await self._keys.archive(writer, await self.archive_new(connection))
                        await self._delete_if_due(connection, writer)
                        await asyncio.sleep(POLL_SECONDS)
            except (LogUnavailable, psycopg.OperationalError) as error:
                logger.warning("reads are not archived now: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def archive_new(self, connection: Connection) -> set[str]:
        """Archive what the stream has after the checkpoint. Return the ids of the keys of its addresses.

        Raises `LogUnavailable`.
        """
        position, number = await _checkpoint(connection)
        key_ids = set[str]()
        while True:
            page = await self._log.after(position)
            last = page.last_position
            if last is None:
                return key_ids
            async with connection.transaction():
                await _add(connection, page.batches, number)
                moved = (last, number + len(page.batches))
                cursor = await connection.execute(MOVE, [*moved, position, number])
                if await cursor.fetchone() is None:  # another projector was faster
                    raise psycopg.OperationalError("another process archives reads")
            position, number = moved
            self.archived += len(page.batches)
            key_ids |= {recorded.batch.address_key for recorded in page.batches}
            await self._report(page.damaged)

    async def delete_old(self, connection: Connection) -> int:
        """Delete reads that are too old or too many. Return the number of batches. Raises `LogUnavailable`.

        None is deleted before its hash is in the tree over reads, so that it stays provable that it was there.
        """
        now = self._clock()
        async with connection.transaction():
            ((in_tree,),) = await (await connection.execute(IN_TREE)).fetchall()
            until = await _old_until(connection, now - timedelta(days=self._kept.days), in_tree)
            deleted = await _delete(connection, until)
            ((size,),) = await (await connection.execute(SIZE)).fetchall()
            by_size = 0
            if int(size) > self._kept.size_bytes:
                row = await (await connection.execute(LAST_BEYOND, [self._kept.size_bytes])).fetchone()
                by_size = min(int(row[0]), in_tree) if row else 0
                deleted += await _delete(connection, by_size)
            if deleted:
                why = [max(deleted), now, self._kept.days, max(deleted) > until]
                await connection.execute(NOTE_DELETION, why)
            await connection.execute(DELETE_READS, [deleted])
            ((first,),) = await (await connection.execute(FIRST_KEPT)).fetchall()
            position, _ = await _checkpoint(connection)
        if deleted:
            await self._log.forget_until(position if first is None else int(first) - 1)
            logger.info("old reads are deleted", extra=fields("reads_deleted", batches=len(deleted)))
        return len(deleted)

    async def _delete_if_due(self, connection: Connection, writer: BatchWriter) -> None:
        now = self._clock()
        if self._deleted_at is None or now - self._deleted_at >= DELETE_EVERY:
            await self.delete_old(connection)
            await self._keys.delete_ended(writer, now, self._kept.days)
            self._deleted_at = now

    async def _report(self, damaged: Sequence[int]) -> None:
        if not damaged:
            return
        self._damaged += len(damaged)
        logger.error(
            "messages of the stream of reads are damaged", extra=fields("reads_damaged", at=damaged[0])
        )
        await self._alarm.update(
            f"{counted(self._damaged, 'batch', 'batches')} of recorded reads were damaged in the stream READS"
            " before they were archived, and are lost"
        )


async def _checkpoint(connection: Connection) -> tuple[int, int]:
    """Return position and number of the last archived batch."""
    cursor = await connection.execute(CHECKPOINT)
    ((position, number),) = await cursor.fetchall()
    return int(position), int(number)


async def _add(connection: Connection, batches: Sequence[RecordedReadBatch], number: int) -> None:
    numbered = list(enumerate(batches, start=number + 1))
    rows = [_batch_row(at, recorded) for at, recorded in numbered]
    reads = [row for at, recorded in numbered for row in read_rows(at, recorded.batch)]
    await ADD_BATCHES.send(connection, rows)
    await ADD_READS.send(connection, reads)


async def _delete(connection: Connection, until: int) -> list[int]:
    """Delete the batches up to a number. Return their numbers."""
    cursor = await connection.execute(DELETE_UNTIL, [until])
    return [int(number) for (number,) in await cursor.fetchall()]


async def _old_until(connection: Connection, limit: datetime, in_tree: int) -> int:
    """Return up to which number batches are older than a time.

    While heads are signed, one that is older than that must have them: so whoever has the heads sees from them that
    nothing was deleted too early.
    """
    row = await (await connection.execute(FIRST_YOUNG, [limit])).fetchone()
    old = in_tree if row is None or row[0] is None else min(int(row[0]) - 1, in_tree)
    heads = await (await connection.execute(OLD_HEADS, {"limit": limit})).fetchall()
    if not heads or heads[0][1]:  # none was signed, or none for as long as reads are kept
        return old
    return min(old, _signed_reads(str(heads[1][0])) if len(heads) > 1 else 0)


def _signed_reads(note: str) -> int:
    """Return how many batches of reads a head states; 0 for one that was changed, which is an alarm of its own."""
    try:
        reads = TreeHead.of(note.rpartition("\n\n")[0] + "\n").reads
    except InvalidNote:
        return 0
    return reads.size if reads else 0


def _batch_row(number: int, recorded: RecordedReadBatch) -> dict[str, Any]:
    return {
        "number": number,
        "position": recorded.position,
        "tenant": recorded.batch.tenant,
        "at": recorded.batch.at,
        "raw": recorded.raw,
    }


def read_rows(number: int, batch: ReadBatch) -> Iterator[dict[str, Any]]:
    """Yield the rows of the reads of a batch with this number."""
    for place, read in enumerate(batch.reads):
        facts, sealed = read.facts, read.sealed_address
        yield {
            "batch": number,
            "place": place,
            "tenant": batch.tenant,
            "first_at": read.first_at,
            "last_at": read.last_at,
            "times": read.times,
            "actor": facts.actor,
            "api_key_id": facts.api_key_id,
            "client": facts.client,
            "kind": facts.kind.value,
            "method": facts.method,
            "route": facts.route,
            "job_id": facts.job_id,
            "resource": facts.resource,
            "first_byte": facts.offset,
            "most_bytes": facts.limit,
            "size_bytes": read.size_bytes,
            "outcome": facts.outcome,
            "address_key": batch.address_key,
            "nonce": sealed.nonce if sealed else b"",
            "address": sealed.ciphertext if sealed else b"",
        }
