"""Read a consumer without end: a pull request always waits, and is sent again after every loss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, JetStreamApiError
from kinolog.adapters.jetstream.client.pull_inbox import HEARTBEAT, PullInbox, PullLost, pull_status
from kinolog.ports.event_store import LogUnavailable

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25


class PullConsumer:
    """Yields the messages of one consumer as they arrive. `close` it after use.

    `create` creates the consumer unless it exists, and returns its name. It is called before the first pull request
    and after every loss. Messages that were delivered before a loss may come again.
    """

    def __init__(
        self, client: Client, stream: str, create: Callable[[], Awaitable[str]], batch: int = 500
    ) -> None:
        self._client = client
        self._stream = stream
        self._create = create
        self._batch = batch
        self._inbox: PullInbox | None = None
        self._consumer = ""
        self._requested = 0

    async def get(self) -> list[Msg]:
        """Wait for messages, however long the server is unreachable. Return those that have arrived, at least one."""
        while True:
            try:
                return await self._get()
            except (PullLost, LogUnavailable, JetStreamApiError, *NO_ANSWER) as error:
                logger.debug("pulling from %s again: %s", self._stream, error)
                await self.close()
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Withdraw the pull request. Messages that arrived and were not read return to the server."""
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            inbox.close()
            await inbox.closed()

    async def _open(self) -> PullInbox:
        self._consumer = await self._create()
        inbox = PullInbox(self._client, self._stream)
        await inbox.open()
        self._inbox, self._requested = inbox, 0
        await self._pull(inbox)
        return inbox

    async def _pull(self, inbox: PullInbox) -> None:
        """Request as many messages as are missing from a full batch."""
        missing = self._batch - self._requested
        await inbox.pull(self._consumer, missing)
        self._requested += missing

    async def _get(self) -> list[Msg]:
        inbox = self._inbox or await self._open()
        while True:
            first = await inbox.next_reply()
            messages = [message for message in (first, *inbox.received()) if self._is_message(message)]
            if self._requested <= self._batch // 2:
                await self._pull(inbox)
            if messages:
                return messages

    def _is_message(self, message: Msg) -> bool:
        status = pull_status(message)
        if not status:
            self._requested -= 1
        elif status != HEARTBEAT:
            self._requested -= int((message.headers or {}).get("Nats-Pending-Messages", "0"))
        return not status
