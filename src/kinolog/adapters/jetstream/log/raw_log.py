"""The stored messages of the stream EVENTS, of a damaged stream too.

The server does not report a damaged message: a direct get leaves it out, and "last of the subject" answers with the
message before it, or with none (observed with nats-server 2.15.1, decision 14). So the caller must know which positions
it expects.
"""

from __future__ import annotations

import asyncio
from functools import partial

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.leader_read import at_leader
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.client.stored_messages import (
    BATCH_MESSAGES,
    MessageBatch,
    StoredMessage,
    StoredMessageReader,
)
from kinolog.adapters.jetstream.log.extent_check import log_extent
from kinolog.ports.raw_log import LogExtent, RawCommit

RETRY_TIMEOUT_SECONDS = 10.0
LEADER_READS = 20
"""Positions that are read from the leader at once."""


class JetStreamRawLog:
    """Reads EVENTS by position. `close` it before its connection."""

    def __init__(self, client: Client, *, retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.EVENTS)
        self._retry_timeout_seconds = retry_timeout_seconds

    async def extent(self) -> LogExtent:
        return await retry_until_answered(partial(log_extent, self._client), self._retry_timeout_seconds)

    async def stored(self, after: int, until: int) -> dict[int, RawCommit]:
        found: dict[int, RawCommit] = {}
        position = after
        while position < until:
            batch = await self._batch(position, min(until - position, BATCH_MESSAGES))
            if not batch.messages:
                break
            found.update((m.position, _raw_commit(m)) for m in batch.messages if m.position <= until)
            position = batch.messages[-1].position
        return found | await self._from_leader([p for p in range(after + 1, until + 1) if p not in found])

    async def close(self) -> None:
        """Close the inbox."""
        await self._reader.close()

    async def _batch(self, after: int, limit: int) -> MessageBatch:
        return await retry_until_answered(
            lambda: self._reader.after(after, limit), self._retry_timeout_seconds
        )

    async def _from_leader(self, positions: list[int]) -> dict[int, RawCommit]:
        """Read one by one what the batches lack: a replica may lag or be damaged, and damage may end a batch."""
        found: dict[int, RawCommit] = {}
        for start in range(0, len(positions), LEADER_READS):
            some = positions[start : start + LEADER_READS]
            reads = [
                retry_until_answered(
                    partial(at_leader, self._client, subjects.EVENTS, position), self._retry_timeout_seconds
                )
                for position in some
            ]
            messages = [message for message in await asyncio.gather(*reads) if message is not None]
            if not messages:
                break
            found.update((message.position, _raw_commit(message)) for message in messages)
        return found


def _raw_commit(stored: StoredMessage) -> RawCommit:
    return RawCommit(stored.position, subjects.job_of(stored.subject), stored.data)
