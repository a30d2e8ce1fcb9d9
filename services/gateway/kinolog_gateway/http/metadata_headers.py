"""Headers of responses that repeat what the api says in the metadata of its own.

They are how much the data of lists and charts lack, and how many requests are left, as
draft-ietf-httpapi-ratelimit-headers has it. Calls of one HTTP request may run in several tasks, which share a note. Of
ages it keeps the highest, of all else the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from starlette.types import Message, Send

STALE_KEY = "kinolog-stale-seconds"
HEADERS = {
    STALE_KEY: b"x-kinolog-stale-seconds",
    "ratelimit-policy": b"ratelimit-policy",
    "ratelimit": b"ratelimit",
}
"""Headers by the key of the metadata."""

_note: ContextVar[dict[str, str] | None] = ContextVar("metadata_headers", default=None)


def with_metadata_headers(send: Send) -> Send:
    """Start the note of a request. Return a `send` that adds the headers of what was noted."""
    noted: dict[str, str] = {}
    _note.set(noted)

    async def send_with_headers(message: Message) -> None:
        if noted and message["type"] == "http.response.start":
            headers = [(HEADERS[key], value.encode()) for key, value in noted.items()]
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return send_with_headers


def note_metadata(metadata: Iterable[Any]) -> None:
    """Note what the metadata of a response say, for the request that this task serves."""
    noted = _note.get()
    if noted is None:
        return
    for key, value in metadata:
        if key != STALE_KEY and key in HEADERS:
            noted[key] = str(value)
        elif key == STALE_KEY and str(value).isdecimal():
            noted[key] = str(max(int(value), int(noted.get(key, 0))))
