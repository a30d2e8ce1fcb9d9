"""Keys in a key-value bucket: one message per key, overwritten on disk when it is erased."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import WRONG_LAST_SEQUENCE, JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.appender import Appender, Outcome
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage, StoredMessageReader
from kinolog.ports.event_store import LogUnavailable

PATIENCE_SECONDS = 10.0
ERASED = "PURGE"
"""What the bucket keeps in place of an erased key, so that no new one is made under its id."""

ERASE_ROUNDS = 8
DISCARDED_AT_ONCE = 64
DELETED_ALREADY = (10043, 10057)
"""Refusals to delete a message that somebody else has deleted by now."""


class JetStreamKeyStore:
    """Keys in the bucket `kinolog-keys`. `close` it before its connection."""

    def __init__(
        self, client: Client, *, replicas: int = 1, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.KEYS_STREAM)
        self._patience_seconds = patience_seconds
        self._sure = replicas == 1
        self._appender = Appender(
            client=client,
            stream=subjects.KEYS_STREAM,
            reader=self._reader,
            replicas=replicas,
            patience_seconds=patience_seconds,
        )

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        messages = [OutgoingWrite(subject=_subject(key_id), data=key) for key_id, key in keys.items()]
        outcomes: list[Outcome] = await self._appender.store_first(messages)
        holding = {
            key_id: key if isinstance(outcome, int) else _key(outcome)
            for (key_id, key), outcome in zip(keys.items(), outcomes, strict=True)
        }
        return {key_id: key for key_id, key in holding.items() if key is not None}

    async def get(self, key_id: str) -> bytes | None:
        tail = await retry_until_answered(
            partial(self._appender.tail, _subject(key_id)), self._patience_seconds
        )
        return _key(tail)

    async def get_many(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        read = partial(self._reader.lasts, list(map(_subject, key_ids)))
        lasts = await retry_until_answered(read, self._patience_seconds)
        found = {key_id: _key(lasts.get(_subject(key_id))) for key_id in key_ids}
        if not self._sure:  # the replica that answered may lag: only the leader knows that there is no key
            missing = [key_id for key_id in found if _subject(key_id) not in lasts]
            found |= zip(missing, await asyncio.gather(*map(self.get, missing)), strict=True)
        return {key_id: key for key_id, key in found.items() if key is not None}

    async def erase(self, key_id: str) -> None:
        await retry_until_answered(partial(self._erase, _subject(key_id)), self._patience_seconds)

    async def discard(self, key_ids: Sequence[str]) -> None:
        read = partial(self._reader.lasts, list(map(_subject, key_ids)))
        stored = iter((await retry_until_answered(read, self._patience_seconds)).values())
        while some := list(islice(stored, DISCARDED_AT_ONCE)):
            deleting = [partial(self._delete, m.position, overwrite=False) for m in some if not m.mark]
            await asyncio.gather(*(retry_until_answered(each, self._patience_seconds) for each in deleting))

    async def close(self) -> None:
        """Give up the inbox."""
        await self._reader.close()

    async def _erase(self, subject: str) -> None:
        """Overwrite the key, then leave a mark; whoever makes a key in between has it overwritten as well."""
        for _ in range(ERASE_ROUNDS):
            tail = await self._appender.tail(subject)
            if tail is None:
                try:
                    await publish(
                        self._reader.inbox,
                        subjects.KEYS_STREAM,
                        OutgoingWrite(subject=subject, data=b"", mark=ERASED),
                    )
                except JetStreamApiError as error:
                    if error.number not in WRONG_LAST_SEQUENCE:
                        raise
            elif tail.mark:
                return
            else:
                await self._delete(tail.position, overwrite=True)
        raise LogUnavailable(f"{subject} cannot be erased")

    async def _delete(self, position: int, *, overwrite: bool) -> None:
        """Delete a message; its place on disk is filled with random bytes, which takes twice as long."""
        request = {"seq": position, "no_erase": not overwrite}
        try:
            await api_request(self._client, f"$JS.API.STREAM.MSG.DELETE.{subjects.KEYS_STREAM}", request)
        except JetStreamApiError as error:
            if error.number not in DELETED_ALREADY:
                raise


def _subject(key_id: str) -> str:
    return f"$KV.{subjects.KEYS_BUCKET}.{key_id}"


def _key(stored: StoredMessage | None) -> bytes | None:
    """The key in a message; None for none and for the mark of an erased one."""
    return stored.data if stored is not None and not stored.mark else None
