"""Fast reads of stored messages: batched direct gets, which need no consumer and so leave nothing behind.

One request is answered by up to `BATCH_MESSAGES` messages and a closing one; the next request is under way while
the caller works on the answer. Measured against other ways in docs/log.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header

from kinolog.adapters.jetstream.client.request_inbox import RequestInbox
from kinolog.ports.event_store import LogUnavailable

BATCH_MESSAGES = 1_000
BATCH_BYTES = 8 << 20
SUBJECTS_PER_REQUEST = 1_000
"""The server answers at most 1,024 subjects at once."""

NO_MESSAGES = "404"
END_OF_BATCH = "204"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the stream keeps it; `mark` is its `KV-Operation` header, empty for most."""

    subject: str
    position: int
    data: bytes
    mark: str = ""


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Messages in the order of the stream; `more` when others match that were left off."""

    messages: list[StoredMessage]
    more: bool


class StoredMessageReader:
    """Reads one stream without a consumer. Requests may overlap."""

    def __init__(self, client: Client, stream: str) -> None:
        self.inbox = RequestInbox(client)
        self._subject = f"$JS.API.DIRECT.GET.{stream}"

    async def last(self, subject: str) -> StoredMessage | None:
        """The last message of a subject, from any replica."""
        message = await self.inbox.request(f"{self._subject}.{subject}", b"")
        return None if self._status(message) == NO_MESSAGES else _stored(message)

    async def lasts(self, subjects: Sequence[str]) -> dict[str, StoredMessage]:
        """The last message of each subject that has one."""
        found: dict[str, StoredMessage] = {}
        for start in range(0, len(subjects), SUBJECTS_PER_REQUEST):
            wanted = subjects[start : start + SUBJECTS_PER_REQUEST]
            while wanted:
                batch = await self._ask(
                    {"multi_last": wanted, "batch": len(wanted), "max_bytes": BATCH_BYTES}
                )
                found.update((message.subject, message) for message in batch.messages)
                wanted = [subject for subject in wanted if subject not in found] if batch.more else []
        return found

    async def after(self, position: int, messages: int = BATCH_MESSAGES) -> MessageBatch:
        """The messages behind `position`, of all subjects."""
        return await self._ask({"seq": position + 1, "batch": messages, "max_bytes": BATCH_BYTES})

    async def of_subject(self, subject: str, after: int = 0) -> MessageBatch:
        """The messages of one subject behind `after`."""
        return await self._ask(
            {
                "seq": after + 1,
                "next_by_subj": subject,
                "batch": BATCH_MESSAGES,
                "max_bytes": BATCH_BYTES,
            }
        )

    async def close(self) -> None:
        """Give up the inbox; requests under way fail."""
        await self.inbox.close()

    async def _ask(self, request: Mapping[str, object]) -> MessageBatch:
        *messages, closing = await self.inbox.collect(
            self._subject, json.dumps(request).encode(), complete=_is_status
        )
        self._status(closing)
        more = (closing.headers or {}).get("Nats-Num-Pending", "0") != "0"
        return MessageBatch(list(map(_stored, messages)), more)

    def _status(self, message: Msg) -> str:
        """The status of an answer; empty for a stored message. Raises `LogUnavailable` when it is a refusal."""
        headers = message.headers or {}
        status = headers.get("Status", "")
        if status not in ("", NO_MESSAGES, END_OF_BATCH):
            raise LogUnavailable(f"{self._subject}: {status} {headers.get(Header.DESCRIPTION, '')}".strip())
        return status


def _is_status(message: Msg) -> bool:
    return message.headers is not None and "Status" in message.headers


def _stored(message: Msg) -> StoredMessage:
    headers = message.headers or {}
    return StoredMessage(
        headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data, headers.get("KV-Operation", "")
    )
