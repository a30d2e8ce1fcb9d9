"""Fast reads of stored messages by batched direct gets, which need no consumer. See docs/decisions/0020.

The server answers one request with up to `BATCH_MESSAGES` messages and an end-of-batch message. docs/log.md compares
the speed with other reads.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header

from kinolog.adapters.jetstream.client.request_inbox import NoResponders, RequestInbox
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.ports.event_store import LogUnavailable

BATCH_MESSAGES = 1_000
BATCH_BYTES = 8 << 20
SUBJECTS_PER_REQUEST = 1_000
"""The server accepts at most 1,024 subjects in a request."""

NO_MESSAGES = "404"
END_OF_BATCH = "204"
RESPONDER_SECONDS = 2.0
"""How long a read is repeated that no server takes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a stream. `kv_operation` is its header `KV-Operation`, usually empty."""

    subject: str
    position: int
    data: bytes
    kv_operation: str = ""


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Messages in the order of the stream. `more` is true if further messages match the request."""

    messages: list[StoredMessage]
    more: bool


class StoredMessageReader:
    """Reads one stream without a consumer. Requests may overlap. Every read raises `LogUnavailable`."""

    def __init__(self, client: Client, stream: str) -> None:
        self.inbox = RequestInbox(client)
        self._subject = f"$JS.API.DIRECT.GET.{stream}"

    async def last(self, subject: str) -> StoredMessage | None:
        """Return the last message of a subject, from any replica; None if there is none."""
        message = await _repeated(lambda: self.inbox.request(f"{self._subject}.{subject}", b""))
        return None if self._status(message) == NO_MESSAGES else _stored(message)

    async def lasts(self, subjects: Sequence[str]) -> dict[str, StoredMessage]:
        """Return the last message of each subject that has one, by subject."""
        found: dict[str, StoredMessage] = {}
        for start in range(0, len(subjects), SUBJECTS_PER_REQUEST):
            remaining = subjects[start : start + SUBJECTS_PER_REQUEST]
            while remaining:
                batch = await self._request(
                    {"multi_last": remaining, "batch": len(remaining), "max_bytes": BATCH_BYTES}
                )
                found.update((message.subject, message) for message in batch.messages)
                remaining = [subject for subject in remaining if subject not in found] if batch.more else []
        return found

    async def after(self, position: int, limit: int = BATCH_MESSAGES) -> MessageBatch:
        """Return the next messages after `position`, of all subjects, at most `limit`."""
        return await self._request({"seq": position + 1, "batch": limit, "max_bytes": BATCH_BYTES})

    async def of_subject(self, subject: str, after: int = 0) -> MessageBatch:
        """Return the next messages of one subject after position `after`."""
        return await self._request(
            {
                "seq": after + 1,
                "next_by_subj": subject,
                "batch": BATCH_MESSAGES,
                "max_bytes": BATCH_BYTES,
            }
        )

    async def all_messages(self, subject: str | None = None) -> AsyncIterator[StoredMessage]:
        """Yield the messages that the stream holds, oldest first: of one subject or of all."""
        position, more = 0, True
        while more:
            batch = await (self.after(position) if subject is None else self.of_subject(subject, position))
            for stored in batch.messages:
                yield stored
                position = stored.position
            more = batch.more

    async def close(self) -> None:
        """Close the inbox; pending requests fail."""
        await self.inbox.close()

    async def _request(self, request: Mapping[str, object]) -> MessageBatch:
        data = json.dumps(request).encode()
        *messages, end_of_batch = await _repeated(
            lambda: self.inbox.collect(self._subject, data, complete=_is_status)
        )
        self._status(end_of_batch)
        more = (end_of_batch.headers or {}).get("Nats-Num-Pending", "0") != "0"
        return MessageBatch(list(map(_stored, messages)), more)

    def _status(self, message: Msg) -> str:
        """Return the status of an answer, empty for a stored message. Raises `LogUnavailable` for a refusal."""
        headers = message.headers or {}
        status = headers.get("Status", "")
        if status not in ("", NO_MESSAGES, END_OF_BATCH):
            raise LogUnavailable(f"{self._subject}: {status} {headers.get(Header.DESCRIPTION, '')}".strip())
        return status


async def _repeated(read: Callable[[], Awaitable[T]]) -> T:
    """Read again while no server takes the request.

    Each server of a cluster learns a moment after the others who answers for a new stream or a new leader.
    """
    return await retry_until_answered(read, RESPONDER_SECONDS, NoResponders)


def _is_status(message: Msg) -> bool:
    return message.headers is not None and "Status" in message.headers


def _stored(message: Msg) -> StoredMessage:
    headers = message.headers or {}
    return StoredMessage(
        headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data, headers.get("KV-Operation", "")
    )
