"""Headers that say how many requests are left, as draft-ietf-httpapi-ratelimit-headers has them.

The api counts requests and says so in the metadata of its responses. Calls of one HTTP request may run in several
tasks, which share a note; the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from starlette.types import Message, Send

RATE_HEADERS = {"ratelimit-policy": b"ratelimit-policy", "ratelimit": b"ratelimit"}
"""Headers by the key of the metadata."""

_note: ContextVar[dict[str, str] | None] = ContextVar("rates", default=None)


def with_rates(send: Send) -> Send:
    """Start the note of a request. Return a `send` that adds the headers if something was noted."""
    noted: dict[str, str] = {}
    _note.set(noted)

    async def send_with_headers(message: Message) -> None:
        if noted and message["type"] == "http.response.start":
            headers = [(RATE_HEADERS[key], value.encode()) for key, value in noted.items()]
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return send_with_headers


def note_rates(metadata: Iterable[Any]) -> None:
    """Note what the metadata, of a response say about the rates of its caller."""
    noted = _note.get()
    for key, value in metadata:
        if noted is not None and key in RATE_HEADERS:
            noted[key] = str(value)
