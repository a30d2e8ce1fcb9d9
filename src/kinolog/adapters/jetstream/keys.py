"""Keys in a key-value bucket: one message per key, overwritten on disk when the key is erased.

A key whose stored form changes (another master key wraps it) is first copied to a subject of its own. Then its message
is overwritten on disk and written again, and the copy is overwritten. Reads find the copy meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import WRONG_LAST_SEQUENCE, JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.appender import Appender, Outcome
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage, StoredMessageReader
from kinolog.ports.event_store import LogUnavailable

RETRY_TIMEOUT_SECONDS = 10.0
ERASED = "PURGE"
"""`KV-Operation` of the message that replaces an erased key, so that no key is created under its id again."""

ERASE_ROUNDS = 8
CONCURRENT_DISCARDS = 64
CONCURRENT_READS = 64
ALREADY_DELETED = (10043, 10057)
"""Error codes of a delete of a message that is deleted already."""


class JetStreamKeyStore:
    """Keys in the bucket `kinolog-keys`. `close` it before its connection."""

    def __init__(
        self, client: Client, *, replicas: int = 1, retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS
    ) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.KEYS_STREAM)
        self._patience_seconds = retry_timeout_seconds
        self._appender = Appender(
            client=client,
            stream=subjects.KEYS_STREAM,
            reader=self._reader,
            tail_at_leader=replicas > 1,
            retry_timeout_seconds=retry_timeout_seconds,
        )

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        messages = [OutgoingWrite(subject=_subject(key_id), data=key) for key_id, key in keys.items()]
        outcomes: list[Outcome] = await self._appender.store_first(messages)
        current = {
            key_id: key if isinstance(outcome, int) else _key(outcome)
            for (key_id, key), outcome in zip(keys.items(), outcomes, strict=True)
        }
        return {key_id: key for key_id, key in current.items() if key is not None}

    async def get(self, key_id: str) -> bytes | None:
        for subject in (_subject(key_id), _copy_subject(key_id), _subject(key_id)):
            tail = await self._tail(subject)
            if tail is not None:
                return _key(tail)
        return None

    async def get_many(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        read = partial(self._reader.lasts, list(map(_subject, key_ids)))
        lasts = await retry_until_answered(read, self._patience_seconds)
        found = {key_id: _key(lasts.get(_subject(key_id))) for key_id in key_ids}
        # A key may be missing because it is being replaced, or because the replica that answered lags.
        missing = [key_id for key_id in found if _subject(key_id) not in lasts]
        for start in range(0, len(missing), CONCURRENT_READS):
            chunk = missing[start : start + CONCURRENT_READS]
            found |= zip(chunk, await asyncio.gather(*map(self.get, chunk)), strict=True)
        return {key_id: key for key_id, key in found.items() if key is not None}

    async def erase(self, key_id: str) -> None:
        await retry_until_answered(partial(self._erase, _subject(key_id)), self._patience_seconds)
        await self._delete_copy(key_id)

    async def discard(self, key_ids: Sequence[str], *, overwrite: bool = False) -> None:
        read = partial(self._reader.lasts, list(map(_subject, key_ids)))
        stored = iter((await retry_until_answered(read, self._patience_seconds)).values())
        while chunk := list(islice(stored, CONCURRENT_DISCARDS)):
            deleting = [
                partial(self._delete, m.position, overwrite=overwrite) for m in chunk if not m.kv_operation
            ]
            await asyncio.gather(*(retry_until_answered(each, self._patience_seconds) for each in deleting))

    async def replace(self, change: Callable[[str, bytes], bytes | None]) -> int:
        """Change the stored form of every key for which `change` returns another one. Return the number of changes.

        What was stored before is overwritten on disk. It finishes changes that a crash interrupted. Raises
        `LogUnavailable`.
        """
        changed = 0
        changes: list[Coroutine[Any, Any, None]] = []
        async for stored in self._reader.all_messages():
            if stored.kv_operation:
                continue
            key_id = stored.subject.removeprefix(_subject(""))
            if stored.subject.startswith(_copy_subject("")):
                changes.append(self._finish(stored.subject.removeprefix(_copy_subject("")), stored.data))
            elif (fresh := change(key_id, stored.data)) is not None:
                changes.append(self._replace(key_id, stored.position, fresh))
                changed += 1
            if len(changes) >= CONCURRENT_READS:
                await asyncio.gather(*changes)
                changes.clear()
        await asyncio.gather(*changes)
        return changed

    async def close(self) -> None:
        """Close the inbox."""
        await self._reader.close()

    async def _tail(self, subject: str) -> StoredMessage | None:
        return await retry_until_answered(partial(self._appender.tail, subject), self._patience_seconds)

    async def _replace(self, key_id: str, position: int, fresh: bytes) -> None:
        await self._appender.store(OutgoingWrite(subject=_copy_subject(key_id), data=fresh))
        await retry_until_answered(partial(self._delete, position, overwrite=True), self._patience_seconds)
        await self._finish(key_id, fresh)

    async def _finish(self, key_id: str, fresh: bytes) -> None:
        """Write the new form of a key unless its id has a message: the key is replaced already, or erased."""
        await self._appender.store(OutgoingWrite(subject=_subject(key_id), data=fresh))
        await self._delete_copy(key_id)

    async def _delete_copy(self, key_id: str) -> None:
        copy = await self._tail(_copy_subject(key_id))
        if copy is not None:
            delete = partial(self._delete, copy.position, overwrite=True)
            await retry_until_answered(delete, self._patience_seconds)

    async def _erase(self, subject: str) -> None:
        """Overwrite the key, then store the message that replaces it. A key created in between is overwritten too."""
        for _ in range(ERASE_ROUNDS):
            tail = await self._appender.tail(subject)
            if tail is None:
                try:
                    await publish(
                        self._reader.inbox,
                        subjects.KEYS_STREAM,
                        OutgoingWrite(subject=subject, data=b"", kv_operation=ERASED),
                    )
                except JetStreamApiError as error:
                    if error.number not in WRONG_LAST_SEQUENCE:
                        raise
            elif tail.kv_operation:
                return
            else:
                await self._delete(tail.position, overwrite=True)
        raise LogUnavailable(f"{subject} cannot be erased: it changed {ERASE_ROUNDS} times; erase it again")

    async def _delete(self, position: int, *, overwrite: bool) -> None:
        """Delete a message. `overwrite` fills its place on disk with random bytes, which takes twice as long."""
        request = {"seq": position, "no_erase": not overwrite}
        try:
            await api_request(self._client, f"$JS.API.STREAM.MSG.DELETE.{subjects.KEYS_STREAM}", request)
        except JetStreamApiError as error:
            if error.number not in ALREADY_DELETED:
                raise


def _subject(key_id: str) -> str:
    return f"$KV.{subjects.KEYS_BUCKET}.{key_id}"


def _copy_subject(key_id: str) -> str:
    """Subject of the copy of a key while its stored form changes."""
    return _subject(f"replaced.{key_id}")


def _key(stored: StoredMessage | None) -> bytes | None:
    """Return the key in a message; None without a message and for an erased key."""
    return stored.data if stored is not None and not stored.kv_operation else None
