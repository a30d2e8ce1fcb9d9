"""Writes that expect a certain tail of their subject: one at a time, or many as one atomic batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from nats.nuid import NUID

from kinolog.adapters.jetstream.client.api_request import JetStreamApiError
from kinolog.adapters.jetstream.client.request_inbox import RequestInbox

EXPECTED = "Nats-Expected-Last-Subject-Sequence"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingWrite:
    """A message to store. `expected` is the position of its subject's last message; 0 if it is the first.

    The server recognises a repeat by `repeat_id` for two minutes and answers with the position of the first.
    `kv_operation` becomes the header `KV-Operation`.
    """

    subject: str
    data: bytes
    expected: int = 0
    repeat_id: str = ""
    kv_operation: str = ""


async def publish(inbox: RequestInbox, stream: str, message: OutgoingWrite) -> int:
    """Store one message. Return its position; 0 for a repeat whose first message is still being stored.

    Raises `JetStreamApiError` for a refusal, `LogUnavailable` without an answer.
    """
    headers = {EXPECTED: str(message.expected), "Nats-Expected-Stream": stream}
    if message.repeat_id:
        headers["Nats-Msg-Id"] = message.repeat_id
    if message.kv_operation:
        headers["KV-Operation"] = message.kv_operation
    return await _acknowledged(inbox, message, headers)


async def publish_next(inbox: RequestInbox, stream: str, message: OutgoingWrite) -> int:
    """Store one message, whatever the last of its subject is. Return its position, of a repeat that of the first.

    Raises as `publish` does.
    """
    headers = {"Nats-Msg-Id": message.repeat_id, "Nats-Expected-Stream": stream}
    return await _acknowledged(inbox, message, headers)


async def publish_batch(inbox: RequestInbox, messages: Sequence[OutgoingWrite]) -> int:
    """Store all messages or none, at contiguous positions. Return the position of the last.

    `repeat_id` is ignored: the server refuses a batch with one repeat as a whole, and the expected tail recognises a
    repeat too. Raises as `publish` does. After `LogUnavailable` either all messages are stored or none.
    """
    batch_id = NUID().next().decode()
    for number, message in enumerate(messages[:-1], start=1):
        headers = {EXPECTED: str(message.expected), **_batch_headers(batch_id, number)}
        await inbox.send(message.subject, message.data, headers)
    last = messages[-1]
    headers = {
        EXPECTED: str(last.expected),
        **_batch_headers(batch_id, len(messages)),
        "Nats-Batch-Commit": "1",
    }
    return await _acknowledged(inbox, last, headers)


async def publish_in_order(inbox: RequestInbox, messages: Sequence[OutgoingWrite], after: int) -> int:
    """Store all messages or none, directly after position `after` of the stream. Return the position of the last."""
    batch_id = NUID().next().decode()
    for number, message in enumerate(messages, start=1):
        headers = _batch_headers(batch_id, number)
        if number == 1:
            headers["Nats-Expected-Last-Sequence"] = str(after)
        if number == len(messages):
            return await _acknowledged(inbox, message, {**headers, "Nats-Batch-Commit": "1"})
        await inbox.send(message.subject, message.data, headers)
    return after


def _batch_headers(batch_id: str, number: int) -> dict[str, str]:
    return {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}


async def _acknowledged(inbox: RequestInbox, message: OutgoingWrite, headers: dict[str, str]) -> int:
    reply = await inbox.request(message.subject, message.data, headers)
    answer = json.loads(reply.data)
    if "error" in answer:
        raise JetStreamApiError(message.subject, answer["error"])
    return int(answer["seq"])
