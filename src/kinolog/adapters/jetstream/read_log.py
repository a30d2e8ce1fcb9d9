"""Batches of reads on JetStream: the stream READS. See docs/decisions/0139."""

from __future__ import annotations

from functools import partial
from hashlib import sha256

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import api_request, purge
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish_next
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.codec.reads.read_batches import DamagedReadBatch, decode_read_batch, encode_read_batch
from kinolog.reads.read import ReadBatch, RecordedReadBatch
from kinolog.reads.read_log import ReadLogPage

RETRY_TIMEOUT_SECONDS = 10.0
"""How long a batch is published again while the server does not answer."""


class JetStreamReadLog:
    """The stream READS. `close` it before its connection."""

    def __init__(self, client: Client, *, retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.READS)
        self._retry_timeout_seconds = retry_timeout_seconds

    async def append(self, batch: ReadBatch) -> None:
        raw = encode_read_batch(batch)
        message = OutgoingWrite(
            subject=subjects.READS_RECORDED, data=raw, repeat_id=sha256(raw).hexdigest()[:32]
        )
        publish = partial(publish_next, self._reader.inbox, subjects.READS, message)
        await retry_until_answered(publish, self._retry_timeout_seconds)

    async def after(self, position: int) -> ReadLogPage:
        found = await self._reader.after(position)
        batches, damaged = list[RecordedReadBatch](), list[int]()
        for stored in found.messages:
            try:
                batch = decode_read_batch(stored.data)
            except DamagedReadBatch:
                damaged.append(stored.position)
            else:
                batches.append(RecordedReadBatch(position=stored.position, batch=batch, raw=stored.data))
        return ReadLogPage(batches=tuple(batches), damaged=tuple(damaged))

    async def size_bytes(self) -> int:
        request = partial(api_request, self._client, f"$JS.API.STREAM.INFO.{subjects.READS}")
        info = await retry_until_answered(request, self._retry_timeout_seconds)
        return int(info["state"]["bytes"])

    async def forget_until(self, position: int) -> None:
        await purge(self._client, subjects.READS, {"seq": position + 1})

    async def close(self) -> None:
        """Close the inbox."""
        await self._reader.close()
