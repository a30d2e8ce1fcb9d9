"""The last use of each API key in JetStream: a key-value bucket with one entry per key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, log_unavailable
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader


class JetStreamKeyUses:
    """Times in the bucket `kinolog-key-uses`. `close` it before its connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.KEY_USES_STREAM)

    async def note(self, key_id: str, at: datetime) -> None:
        """Publish without an acknowledgement: the next note follows with the next use."""
        try:
            await self._client.publish(subjects.key_use(key_id), at.isoformat().encode())
        except NO_ANSWER as error:
            raise log_unavailable(f"noting a use of {key_id}", error) from error

    async def last_uses(self) -> Mapping[str, datetime]:
        before = subjects.key_use("")
        return {
            stored.subject.removeprefix(before): datetime.fromisoformat(stored.data.decode())
            async for stored in self._reader.all_messages()
        }

    async def close(self) -> None:
        """Close the inbox."""
        await self._reader.close()
