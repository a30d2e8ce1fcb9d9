"""Restore the stream EVENTS from an archive of its messages, each at its old position.

The stream must be empty or hold the beginning of the archive, so an interrupted restore continues. No other process
may append meanwhile: every write states the position that it follows.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import JetStreamApiError
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish_in_order
from kinolog.adapters.jetstream.client.request_inbox import RequestInbox
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.adapters.jetstream.log.log_reader import LogReader
from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.ports.event_store import DamagedLog

logger = logging.getLogger(__name__)

Rows: TypeAlias = Sequence[tuple[int, bytes]]
"""Positions and raw messages, in order."""

RETRY_TIMEOUT_SECONDS = 10.0
BATCH_SIZE = 500


@dataclass(slots=True)
class _RestoredLog:
    """The log during a restore: it holds `stored` commits, and the messages in `waiting` follow without a gap."""

    log: LogReader
    inbox: RequestInbox
    stored: int
    waiting: list[OutgoingWrite] = field(default_factory=list)

    async def compare(self, rows: Rows) -> None:
        """Compare rows of the archive with the log. Raises `DamagedLog` if they differ."""
        stored = self.log.between(rows[0][0] - 1, rows[-1][0])
        raws = [recorded.raw async for batch in stored for recorded in batch]
        for (position, raw), logged in zip(rows, raws, strict=True):
            if raw != logged:
                raise DamagedLog(f"the log holds another commit at {position} than the archive")

    async def add(self, position: int, raw: bytes) -> None:
        """Add the next message of the archive to an atomic batch, and write the batch when it is full."""
        self.waiting.append(_message(position, raw))
        if len(self.waiting) == BATCH_SIZE:
            await self.write()

    async def write(self) -> None:
        """Write the messages that wait. Raises `DamagedLog`."""
        if not self.waiting:
            return
        try:
            last = await publish_in_order(self.inbox, self.waiting, self.stored)
        except JetStreamApiError as error:
            raise DamagedLog(f"the log changed while it was restored: {error}") from error
        self.stored += len(self.waiting)
        self.waiting = []
        if last != self.stored:
            raise DamagedLog(f"position {self.stored} of the archive was stored at {last}")


async def restore(client: Client, archive: AsyncIterable[Rows]) -> int:
    """Fill EVENTS from batches of (position, raw message) that begin at 1. Return the number of stored messages.

    Raises `DamagedLog` if the archive has a gap or damage, or if the log differs from the archive or has a gap: then
    delete the stream, provision it and restore all of it. A log that holds the whole archive is not changed. Stop all
    services first, and connect as a user that may append to EVENTS.
    """
    reader = StoredMessageReader(client, subjects.EVENTS)
    try:
        log = LogReader(client, reader, RETRY_TIMEOUT_SECONDS)
        held = await log.last_position()
        restored = _RestoredLog(log, reader.inbox, stored=held)
        archived = 0
        async for rows in archive:
            for expected, (position, _) in enumerate(rows, start=archived + 1):
                if position != expected:
                    raise DamagedLog(f"the archive has a gap before position {position}")
            archived += len(rows)
            logged = [row for row in rows if row[0] <= held]
            if logged:
                await restored.compare(logged)
            for position, raw in rows[len(logged) :]:
                await restored.add(position, raw)
            logger.info("restored the log up to %d", restored.stored)
        await restored.write()
        if restored.stored > archived:
            raise DamagedLog(
                f"the log ends at {restored.stored}, after the archive at {archived}: nothing to restore"
            )
        return restored.stored - held
    finally:
        await reader.close()


def _message(position: int, raw: bytes) -> OutgoingWrite:
    """Return the message to store. Raises `DamagedLog` if its hash does not match."""
    try:
        commit, _ = parse_commit(raw)
    except DamagedCommit as error:
        raise DamagedLog(f"position {position} of the archive: {error}") from error
    return OutgoingWrite(subject=subjects.events(commit.job_id), data=raw, expected=commit.previous_position)
