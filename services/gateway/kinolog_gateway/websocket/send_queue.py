"""What waits to be sent to one client: bounded, whatever the client does.

Messages that must arrive wait in a queue; of progress, previews and counts only the newest per job waits. When the
queue grows because the client reads slowly, updates of the same job in it are conflated; a client that is slower
still is closed, and resumes where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from kinolog.process.logs import fields
from kinolog_gateway.http.metrics import LiveCounts
from kinolog_gateway.websocket import outgoing_message
from kinolog_gateway.websocket.outgoing_message import MessageKind, OutgoingMessage

log = logging.getLogger(__name__)

CONFLATE_AT = 256
CLOSE_AT = 4_096
"""Messages that wait before a client counts as slow, and as too slow."""
ROOM = 64
"""Messages that may wait while a client catches up: the log is read only as fast as the client reads."""
STALLED_SECONDS = 30.0
"""How long one message may take to be sent while others wait."""


class SendQueue:
    """The messages that wait for one client, and the loop that sends them."""

    def __init__(self, send: Callable[[str], Awaitable[None]], counts: LiveCounts) -> None:
        self._send = send
        self._counts = counts
        self._queue: deque[OutgoingMessage] = deque()
        self._latest: dict[tuple[MessageKind, str], OutgoingMessage] = {}
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._conflate_at = CONFLATE_AT
        self._loop = asyncio.get_running_loop()
        self._sending_since: float | None = None
        self.too_slow: Callable[[], None] = lambda: None
        """Called when the client reads too slowly to be sent anything more."""

    def put(self, message: OutgoingMessage) -> None:
        """Let a message wait that must arrive."""
        if message.kind is MessageKind.COMMIT:
            self._supersede(message)
        self._queue.append(message)
        waiting = len(self._queue)
        if waiting >= ROOM:
            self._room.clear()
        if waiting >= self._conflate_at:
            self._conflate()
        if waiting >= CLOSE_AT and len(self._queue) >= CLOSE_AT:
            self.too_slow()
        self._wake()

    def keep(self, message: OutgoingMessage) -> None:
        """Let a message wait in place of the older one of its kind and job."""
        key = (message.kind, message.job_id)
        if key in self._latest:
            self._counts.updates_conflated += 1
        self._latest[key] = message
        self._wake()

    def forget(self, unwanted: Callable[[OutgoingMessage], bool]) -> None:
        """Drop progress, previews and counts that nobody wants any more."""
        self._latest = {key: message for key, message in self._latest.items() if not unwanted(message)}

    async def room(self) -> None:
        """Wait until so little waits that more may be put."""
        await self._room.wait()

    async def run(self) -> None:
        """Send what waits, for ever."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._queue or self._latest:
                text = _text(self._next())
                self._sending_since = self._loop.time()
                await self._send(text)
                self._sending_since = None
                self._counts.messages_sent += 1

    def _next(self) -> OutgoingMessage:
        if not self._queue:
            return self._latest.pop(next(iter(self._latest)))
        message = self._queue.popleft()
        if len(self._queue) < ROOM:
            self._room.set()
            self._conflate_at = CONFLATE_AT
        return message

    def _wake(self) -> None:
        since = self._sending_since
        if since is not None and self._loop.time() - since > STALLED_SECONDS:
            self.too_slow()
        self._something.set()

    def _supersede(self, commit: OutgoingMessage) -> None:
        """Progress from before a commit is not sent behind it."""
        self._latest.pop((MessageKind.PROGRESS, commit.job_id), None)
        if commit.terminal:
            self._latest.pop((MessageKind.PREVIEW, commit.job_id), None)

    def _conflate(self) -> None:
        """Keep of each job's updates the last; what ended a job, log lines and replies all stay."""
        last: dict[str, OutgoingMessage] = {}
        for message in self._queue:
            if message.kind is MessageKind.COMMIT:
                last[message.job_id] = message
        kept = deque(
            message
            for message in self._queue
            if message.kind is not MessageKind.COMMIT or message.terminal or last[message.job_id] is message
        )
        self._counts.updates_conflated += len(self._queue) - len(kept)
        self._queue = kept
        self._conflate_at = max(CONFLATE_AT, 2 * len(kept))


def _text(message: OutgoingMessage) -> str:
    """The message as JSON. One that cannot be shown must not end the connection, nor be lost without a word."""
    try:
        return message.text
    except Exception as error:
        log.error(
            "a message cannot be shown", extra=fields("unshown", job=message.job_id, error=repr(type(error)))
        )
        words = f"something happened to job {message.job_id} that this gateway cannot show; upgrade it"
        return outgoing_message.error(message.position, "CANNOT_BE_SHOWN", words).text
