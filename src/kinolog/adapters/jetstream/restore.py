"""Refilling the stream EVENTS from an archive of its messages, each at the position it had.

The stream must be empty, or hold the beginning of the archive (a restore that was interrupted goes on where it
stopped). Nothing else may append meanwhile: every write says which position it expects to follow.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field

from nats.aio.client import Client

from kinolog import subjects
from kinolog.adapters.jetstream.asking import ApiError
from kinolog.adapters.jetstream.leader_get import at_leader
from kinolog.adapters.jetstream.raw_pull import LogReader
from kinolog.adapters.jetstream.reading import StreamReader
from kinolog.adapters.jetstream.writing import Message, publish_in_order
from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.ports.event_store import DamagedLog

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
BATCH_SIZE = 500


@dataclass(slots=True)
class _Refill:
    """How far a restore has come. `waiting` follows `stored` without a gap."""

    client: Client
    reader: StreamReader
    stored: int
    restored: int = 0
    waiting: list[Message] = field(default_factory=list)

    async def take(self, position: int, raw: bytes) -> None:
        """Store the next message of the archive, or compare it when it is there already."""
        message = _message(position, raw)
        if position <= self.stored and not self.waiting:
            if position == self.stored:
                await self._compare(position, raw)
            return
        self.waiting.append(message)
        if len(self.waiting) == BATCH_SIZE:
            await self.write()

    async def write(self) -> None:
        """Store what waits, in one atomic batch."""
        if not self.waiting:
            return
        try:
            last = await publish_in_order(self.reader.inbox, self.waiting, self.stored)
        except ApiError as error:
            raise DamagedLog(f"the log changed while it was restored: {error}") from error
        self.restored += len(self.waiting)
        self.stored += len(self.waiting)
        self.waiting = []
        if last != self.stored:
            raise DamagedLog(f"position {self.stored} of the archive was stored at {last}")

    async def _compare(self, position: int, raw: bytes) -> None:
        stored = await at_leader(self.client, subjects.EVENTS, position)
        if stored is None or stored.data != raw:
            raise DamagedLog(f"the log holds another commit at {position} than the archive")


async def restore(client: Client, archive: AsyncIterable[Sequence[tuple[int, bytes]]]) -> int:
    """Fill EVENTS from batches of (position, raw message) that begin at 1; how many were stored.

    Raises `DamagedLog` when the archive has a gap or damage, or when the log holds something else. A log that
    holds all of the archive is left as it is. Run it as a user that may append to EVENTS, all services stopped.
    """
    reader = StreamReader(client, subjects.EVENTS)
    try:
        last = await LogReader(client, reader, PATIENCE_SECONDS).last_position()
        refill = _Refill(client, reader, stored=last)
        seen = 0
        async for rows in archive:
            for position, raw in rows:
                if position != seen + 1:
                    raise DamagedLog(f"the archive has a gap before position {position}")
                await refill.take(position, raw)
                seen = position
            logger.info("restored the log up to %d", refill.stored)
        await refill.write()
        if refill.stored > seen:
            raise DamagedLog(
                f"the log ends at {refill.stored}, behind the archive at {seen}: nothing to restore"
            )
        return refill.restored
    finally:
        await reader.close()


def _message(position: int, raw: bytes) -> Message:
    """The message to store. Raises `DamagedLog` when its hash does not match."""
    try:
        commit, _ = parse_commit(raw)
    except DamagedCommit as error:
        raise DamagedLog(f"position {position} of the archive: {error}") from error
    return Message(subjects.events(commit.job_id), raw, commit.previous_position)
