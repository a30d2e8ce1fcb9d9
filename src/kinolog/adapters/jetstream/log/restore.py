"""Refilling the stream EVENTS from an archive of its messages, each at the position it had.

The stream must be empty, or hold the beginning of the archive (a restore that was interrupted goes on where it
stopped). Nothing else may append meanwhile: every write says which position it expects to follow.
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

PATIENCE_SECONDS = 10.0
BATCH_SIZE = 500


@dataclass(slots=True)
class _Refill:
    """How far a restore has come. The log held `held` commits before; `waiting` follows `stored` without a gap."""

    log: LogReader
    inbox: RequestInbox
    held: int
    stored: int
    waiting: list[OutgoingWrite] = field(default_factory=list)

    async def compare(self, rows: Rows) -> None:
        """Compare rows of the archive with what the log holds already."""
        stored = self.log.between(rows[0][0] - 1, rows[-1][0])
        raws = [recorded.raw async for batch in stored for recorded in batch]
        for (position, raw), there in zip(rows, raws, strict=True):
            if raw != there:
                raise DamagedLog(f"the log holds another commit at {position} than the archive")

    async def take(self, position: int, raw: bytes) -> None:
        """Store the next message of the archive, with others in one atomic batch."""
        self.waiting.append(_message(position, raw))
        if len(self.waiting) == BATCH_SIZE:
            await self.write()

    async def write(self) -> None:
        """Store what waits."""
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
    """Fill EVENTS from batches of (position, raw message) that begin at 1; how many were stored.

    Raises `DamagedLog` when the archive has a gap or damage, or when the log holds something else than the
    archive, a hole included: then delete the stream, provision it, and restore all of it. A log that holds all of
    the archive is left as it is. Run it as a user that may append to EVENTS, all services stopped.
    """
    reader = StoredMessageReader(client, subjects.EVENTS)
    try:
        log = LogReader(client, reader, PATIENCE_SECONDS)
        held = await log.last_position()
        refill = _Refill(log, reader.inbox, held, held)
        seen = 0
        async for rows in archive:
            for expected, (position, _) in enumerate(rows, start=seen + 1):
                if position != expected:
                    raise DamagedLog(f"the archive has a gap before position {position}")
            seen += len(rows)
            there = [row for row in rows if row[0] <= held]
            if there:
                await refill.compare(there)
            for position, raw in rows[len(there) :]:
                await refill.take(position, raw)
            logger.info("restored the log up to %d", refill.stored)
        await refill.write()
        if refill.stored > seen:
            raise DamagedLog(
                f"the log ends at {refill.stored}, behind the archive at {seen}: nothing to restore"
            )
        return refill.stored - held
    finally:
        await reader.close()


def _message(position: int, raw: bytes) -> OutgoingWrite:
    """The message to store. Raises `DamagedLog` when its hash does not match."""
    try:
        commit, _ = parse_commit(raw)
    except DamagedCommit as error:
        raise DamagedLog(f"position {position} of the archive: {error}") from error
    return OutgoingWrite(subject=subjects.events(commit.job_id), data=raw, expected=commit.previous_position)
