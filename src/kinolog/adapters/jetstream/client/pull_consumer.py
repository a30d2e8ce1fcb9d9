"""A pull consumer that is read for ever: a request always stands, and is put anew after whatever befalls it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, JetStreamApiError
from kinolog.adapters.jetstream.client.pull_inbox import PullInbox
from kinolog.ports.event_store import LogUnavailable

logger = logging.getLogger(__name__)

STANDING_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0
LOOK_SECONDS = 0.5
RETRY_SECONDS = 0.25
ENDED = ("404", "408")
HEARTBEAT = "100"


class _Lost(Exception):
    """The standing request is no longer there."""


class PullConsumer:
    """Messages of one consumer as they come. `close` it when nobody reads any more.

    `prepare` creates the consumer unless it is there, and answers its name; it is called before the first request
    and after every loss. Messages that were handed out before a loss may come again.
    """

    def __init__(
        self, client: Client, stream: str, prepare: Callable[[], Awaitable[str]], batch: int = 500
    ) -> None:
        self._client = client
        self._stream = stream
        self._prepare = prepare
        self._batch = batch
        self._inbox: PullInbox | None = None
        self._consumer = ""
        self._standing = 0
        self._connections = 0
        self._heard = 0.0

    async def start(self) -> None:
        """Put the first request, so that nothing that is published from now on is missed. Raises `LogUnavailable`."""
        try:
            await self._open()
        except (JetStreamApiError, *NO_ANSWER) as error:
            raise LogUnavailable(f"{self._stream}: {str(error) or type(error).__name__}") from error

    async def get(self) -> list[Msg]:
        """The messages that have come, at least one. Waits for ever."""
        while True:
            try:
                return await self._get()
            except (_Lost, LogUnavailable, JetStreamApiError, *NO_ANSWER) as error:
                logger.debug("pulling from %s anew: %s", self._stream, error)
                await self.close()
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Withdraw the request; messages that came and were not read go back."""
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            inbox.finish()
            await inbox.finished()

    async def _open(self) -> PullInbox:
        self._consumer = await self._prepare()
        inbox = PullInbox(self._client, self._stream)
        await inbox.open()
        self._inbox, self._standing = inbox, 0
        self._connections = self._client.stats["reconnects"]
        await self._renew(inbox)
        return inbox

    async def _renew(self, inbox: PullInbox) -> None:
        wanted = self._batch - self._standing
        request = {
            "batch": wanted,
            "expires": int(STANDING_SECONDS * 1e9),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * 1e9),
        }
        await inbox.pull(self._consumer, request)
        self._standing += wanted
        self._heard = time.monotonic()

    async def _get(self) -> list[Msg]:
        inbox = self._inbox or await self._open()
        while True:
            first = await inbox.get(LOOK_SECONDS)
            if first is None:
                self._look()
                continue
            self._heard = time.monotonic()
            messages = [message for message in (first, *inbox.rest()) if self._is_message(message)]
            if self._standing <= self._batch // 2:
                await self._renew(inbox)
            if messages:
                return messages

    def _look(self) -> None:
        """Raise `_Lost` when the server can no longer know of the request."""
        if not self._client.is_connected or self._client.stats["reconnects"] != self._connections:
            raise _Lost("the connection was lost")
        if time.monotonic() - self._heard > 2.5 * HEARTBEAT_SECONDS:
            raise _Lost("no heartbeat")

    def _is_message(self, message: Msg) -> bool:
        headers = message.headers or {}
        status = headers.get("Status", "")
        if not status:
            self._standing -= 1
            return True
        if status in ENDED:
            self._standing -= int(headers.get("Nats-Pending-Messages", "0"))
        elif status != HEARTBEAT:
            raise _Lost(status)
        return False
