"""The header of responses whose lists or charts lack the latest changes.

The api says so in the metadata of its response. Calls of one HTTP request may run in several tasks, which share a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from starlette.types import Message, Send

STALE_HEADER = "X-Kinolog-Stale-Seconds"
STALE_KEY = "kinolog-stale-seconds"

_note: ContextVar[list[int] | None] = ContextVar("stale", default=None)


def with_staleness(send: Send) -> Send:
    """Start the note of a request. Return a `send` that adds the header if something was noted."""
    noted: list[int] = []
    _note.set(noted)

    async def send_with_header(message: Message) -> None:
        if noted and message["type"] == "http.response.start":
            header = (STALE_HEADER.lower().encode(), str(max(noted)).encode())
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return send_with_header


def note_staleness(metadata: Sequence[tuple[str, Any]]) -> None:
    """Note what the metadata of a response says about the age of its data."""
    noted = _note.get()
    for key, value in metadata:
        if noted is not None and key == STALE_KEY and str(value).isdecimal():
            noted.append(int(value))
