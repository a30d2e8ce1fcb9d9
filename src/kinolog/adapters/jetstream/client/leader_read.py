"""Reads from a stream's leader: slower than direct gets, but never older than what was acknowledged."""

from __future__ import annotations

import base64

from nats.aio.client import Client

from kinolog.adapters.jetstream.client.api_request import JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage

NO_MESSAGE = 10037


async def last_at_leader(client: Client, stream: str, subject: str) -> StoredMessage | None:
    """Return the last message of a subject; None if there is none."""
    return await _get(client, stream, {"last_by_subj": subject})


async def at_leader(client: Client, stream: str, position: int) -> StoredMessage | None:
    """Return the message at a position; None if there is none."""
    return await _get(client, stream, {"seq": position})


async def _get(client: Client, stream: str, query: dict[str, object]) -> StoredMessage | None:
    try:
        answer = await api_request(client, f"$JS.API.STREAM.MSG.GET.{stream}", query)
    except JetStreamApiError as error:
        if error.number == NO_MESSAGE:
            return None
        raise
    message = answer["message"]
    data = base64.b64decode(message.get("data", ""))
    return StoredMessage(message["subject"], message["seq"], data, _kv_operation(message.get("hdrs", "")))


def _kv_operation(headers: str) -> str:
    """Return the `KV-Operation` in the headers of a message (base64 of `Name: value` lines)."""
    for line in base64.b64decode(headers).split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"KV-Operation":
            return value.strip().decode()
    return ""
