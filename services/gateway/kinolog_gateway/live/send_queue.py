"""The messages that wait for one client: bounded, whatever the client does.

Messages that must arrive wait in a queue. Of progress, previews and counts only the newest per job waits. When the
queue grows because the client reads slowly, updates of the same job in it are conflated. A client that is slower
still is closed and can resume.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from kinolog.process.logs import fields
from kinolog_gateway.http.metrics import LiveCounts
from kinolog_gateway.live import outgoing_message
from kinolog_gateway.live.outgoing_message import MessageKind, OutgoingMessage

logger = logging.getLogger(__name__)

CONFLATE_AT = 256
"""Waiting messages at which the commits of each job are conflated."""
CLOSE_AT = 4_096
"""Waiting messages at which the client is closed as too slow."""
ROOM = 64
"""Waiting messages at which catching up pauses: the log is read only as fast as the client reads."""
STALLED_SECONDS = 30.0
"""A send that takes longer than this while others wait closes the client as too slow."""


class SendQueue:
    """The messages that wait for one client, and the loop that sends them."""

    def __init__(self, send: Callable[[str, OutgoingMessage], Awaitable[None]], counts: LiveCounts) -> None:
        self._send = send
        self._counts = counts
        self._queue: deque[OutgoingMessage] = deque()
        self._latest: dict[tuple[MessageKind, str], OutgoingMessage] = {}
        self._nonempty = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._conflate_at = CONFLATE_AT
        self._loop = asyncio.get_running_loop()
        self._sending_since: float | None = None
        self._last_position = 0
        """Position of the last message sent; 0 before the first."""
        self.on_too_slow: Callable[[], None] = lambda: None
        """Called when the client reads too slowly to be sent more."""

    @property
    def is_idle(self) -> bool:
        """Whether everything has been sent."""
        return not self._queue and not self._latest and self._sending_since is None

    @property
    def resume_hint(self) -> str:
        """Words that name the position after which the client can resume; none before the first message."""
        return f"; resume after {self._last_position}" if self._last_position else ""

    def put(self, message: OutgoingMessage) -> None:
        """Queue a message that must arrive."""
        if message.kind is MessageKind.COMMIT:
            self._discard_superseded(message)
        self._queue.append(message)
        waiting = len(self._queue)
        if waiting >= ROOM:
            self._room.clear()
        if waiting >= self._conflate_at:
            self._conflate()
        if waiting >= CLOSE_AT and len(self._queue) >= CLOSE_AT:
            self.on_too_slow()
        self._wake()

    def put_latest(self, message: OutgoingMessage) -> None:
        """Queue a message in place of an older one of the same kind and job."""
        key = (message.kind, message.job_id)
        if key in self._latest:
            self._counts.updates_conflated += 1
        self._latest[key] = message
        self._wake()

    def discard_latest(self, unwanted: Callable[[OutgoingMessage], bool]) -> None:
        """Drop the waiting progress, previews and counts that match."""
        self._latest = {key: message for key, message in self._latest.items() if not unwanted(message)}

    async def wait_for_room(self) -> None:
        """Wait until few enough messages wait to queue more."""
        await self._room.wait()

    async def run(self) -> None:
        """Send waiting messages until cancelled."""
        while True:
            await self._nonempty.wait()
            self._nonempty.clear()
            while self._queue or self._latest:
                message = self._next()
                text = _text(message)
                self._sending_since = self._loop.time()
                await self._send(text, message)
                self._sending_since = None
                self._last_position = message.position
                self._counts.messages_sent += 1

    def _next(self) -> OutgoingMessage:
        if not self._queue:
            return self._latest.pop(next(iter(self._latest)))
        message = self._queue.popleft()
        if len(self._queue) < ROOM:
            self._room.set()
            self._conflate_at = CONFLATE_AT
        if message.kind is MessageKind.REPLY:
            return message.at(self._last_position)
        return message

    def _wake(self) -> None:
        since = self._sending_since
        if since is not None and self._loop.time() - since > STALLED_SECONDS:
            self.on_too_slow()
        self._nonempty.set()

    def _discard_superseded(self, commit: OutgoingMessage) -> None:
        """Drop waiting progress of the job, so that it is not sent after a newer commit."""
        self._latest.pop((MessageKind.PROGRESS, commit.job_id), None)
        if commit.terminal:
            self._latest.pop((MessageKind.PREVIEW, commit.job_id), None)

    def _conflate(self) -> None:
        """Drop all but the last commit of each job. Terminal commits, log lines and replies stay."""
        last: dict[str, OutgoingMessage] = {}
        for message in self._queue:
            if message.kind is MessageKind.COMMIT:
                last[message.job_id] = message
        remaining = deque(
            message
            for message in self._queue
            if message.kind is not MessageKind.COMMIT or message.terminal or last[message.job_id] is message
        )
        self._counts.updates_conflated += len(self._queue) - len(remaining)
        self._queue = remaining
        self._conflate_at = max(CONFLATE_AT, 2 * len(remaining))


def _text(message: OutgoingMessage) -> str:
    """Return the message as JSON, or an error message if it cannot be serialised.

    Such a message must not end the connection, and the client must learn of the gap.
    """
    try:
        return message.text
    except Exception as error:
        logger.error(
            "a message cannot be serialised",
            extra=fields("unshown", job=message.job_id, error=repr(type(error))),
        )
        detail = f"this gateway cannot show an update of job {message.job_id}; upgrade the gateway"
        return outgoing_message.error("CANNOT_BE_SHOWN", detail).at(message.position).text
