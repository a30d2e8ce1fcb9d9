"""Publishes that expect to build on their subject's tail: one at a time, or many as one atomic batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from nats.nuid import NUID

from kinolog.adapters.jetstream.client.api_request import JetStreamApiError
from kinolog.adapters.jetstream.client.request_inbox import RequestInbox

BATCH_LIMIT = 1_000
"""Most messages that the server takes as one batch."""

EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_names = NUID()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingWrite:
    """What to store, and the position of the message on its subject that it builds on (0: it is the first).

    The server knows a repeat by `repeat_id` for two minutes and answers it with the first one's position. `mark`
    goes into the header `KV-Operation`.
    """

    subject: str
    data: bytes
    expected: int = 0
    repeat_id: str = ""
    mark: str = ""


async def publish(inbox: RequestInbox, stream: str, message: OutgoingWrite) -> int:
    """Store one message; its position, or 0 for a repeat whose first one is still on its way.

    Raises `JetStreamApiError` when the server refuses, `LogUnavailable` when nothing answers.
    """
    headers = {EXPECTED: str(message.expected), "Nats-Expected-Stream": stream}
    if message.repeat_id:
        headers["Nats-Msg-Id"] = message.repeat_id
    if message.mark:
        headers["KV-Operation"] = message.mark
    return await _acknowledged(inbox, message, headers)


async def publish_batch(inbox: RequestInbox, stream: str, messages: Sequence[OutgoingWrite]) -> int:
    """Store all messages or none, at contiguous positions; the position of the last.

    `repeat_id` is left aside: a batch with one repeat would be refused as a whole, and what a message builds on
    tells a repeat as well. Raises as `publish` does; after `LogUnavailable` all may be stored, or none.
    """
    name = _names.next().decode()
    for number, message in enumerate(messages[:-1], start=1):
        headers = {EXPECTED: str(message.expected), **_member(name, number)}
        await inbox.send(message.subject, message.data, headers)
    last = messages[-1]
    headers = {EXPECTED: str(last.expected), **_member(name, len(messages)), "Nats-Batch-Commit": "1"}
    return await _acknowledged(inbox, last, headers)


async def publish_in_order(inbox: RequestInbox, messages: Sequence[OutgoingWrite], after: int) -> int:
    """Store all messages or none, right behind position `after` of the stream; the position of the last."""
    name = _names.next().decode()
    for number, message in enumerate(messages, start=1):
        headers = _member(name, number)
        if number == 1:
            headers["Nats-Expected-Last-Sequence"] = str(after)
        if number == len(messages):
            return await _acknowledged(inbox, message, {**headers, "Nats-Batch-Commit": "1"})
        await inbox.send(message.subject, message.data, headers)
    return after


def _member(name: str, number: int) -> dict[str, str]:
    return {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}


async def _acknowledged(inbox: RequestInbox, message: OutgoingWrite, headers: dict[str, str]) -> int:
    reply = await inbox.request(message.subject, message.data, headers)
    answer = json.loads(reply.data)
    if "error" in answer:
        raise JetStreamApiError(message.subject, answer["error"])
    return int(answer["seq"])
