"""The inbox of pull requests: sends them, and receives messages and statuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream.client.api_request import NO_ANSWER
from kinolog.adapters.jetstream.client.consumers import nanoseconds

PULL_SECONDS = 30.0
"""A waiting pull request ends after this long without enough messages."""

HEARTBEAT_SECONDS = 5.0
CHECK_SECONDS = 0.5
"""How often a wait checks that the connection was not lost in the meantime."""

HEARTBEAT = "100"
PULL_ENDED = ("404", "408")
"""Statuses of a pull request that ended: no messages, or its time is over."""


class PullInboxClosed(Exception):
    """The inbox was closed during the wait."""


class PullLost(Exception):
    """The server no longer holds the pull requests, or refused one."""


class PullInbox:
    """Receives the messages and statuses that answer pull requests.

    Closing the inbox withdraws the requests that still wait. Messages that were delivered and not read return to the
    server at once.
    """

    def __init__(self, client: Client, stream: str) -> None:
        self._client = client
        self._stream = stream
        self._inbox = client.new_inbox()
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._subscription: Subscription | None = None
        self._closing: asyncio.Task[None] | None = None
        self._reconnects = 0
        self._last_received = 0.0

    async def open(self) -> None:
        """Subscribe to the inbox. Raises the errors of `NO_ANSWER`."""
        self._reconnects = self._client.stats["reconnects"]
        self._subscription = await self._client.subscribe(self._inbox, cb=self._receive)

    async def pull_now(self, consumer: str, **options: object) -> None:
        """Request one message of a consumer if there is one now. `options` are further ones of the JetStream API."""
        await self._pull(consumer, {**options, "batch": 1, "no_wait": True})

    async def pull(self, consumer: str, batch: int, **options: object) -> None:
        """Request `batch` messages of a consumer as they arrive. The server sends heartbeats meanwhile."""
        await self._pull(
            consumer,
            {
                **options,
                "batch": batch,
                "expires": nanoseconds(PULL_SECONDS),
                "idle_heartbeat": nanoseconds(HEARTBEAT_SECONDS),
            },
        )
        self._last_received = time.monotonic()

    async def get(self, timeout_seconds: float) -> Msg | None:
        """Return the next message or status; None after the timeout. Raises `PullInboxClosed`.

        Cancelling the wait leaves a message that has arrived in the inbox.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                message = await self._arrived.get()
        except TimeoutError:
            return None
        if message is None:
            raise PullInboxClosed
        return message

    async def next_reply(self) -> Msg:
        """Wait for the next message or end of a pull request. Raises `PullLost`, `PullInboxClosed`."""
        while True:
            message = await self.get(CHECK_SECONDS)
            if message is None:
                self._check_alive()
                continue
            self._last_received = time.monotonic()
            if pull_status(message) != HEARTBEAT:
                return message

    def received(self) -> list[Msg]:
        """Return the further messages and statuses that have arrived."""
        replies = []
        while self._closing is None and not self._arrived.empty():
            replies.append(self._arrived.get_nowait())
        return [reply for reply in replies if reply is not None]

    def close(self, when_closed: Callable[[PullInbox], None] = lambda inbox: None) -> None:
        """Start to close the inbox. `when_closed` is called when nothing can arrive any more."""
        if self._closing is not None:
            return
        unread = []
        while not self._arrived.empty():
            unread.append(self._arrived.get_nowait())
        self._arrived.put_nowait(None)
        self._closing = asyncio.create_task(self._close([message for message in unread if message]))
        self._closing.add_done_callback(lambda _: when_closed(self))

    async def closed(self) -> None:
        """Wait until a close that was started is complete."""
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def _pull(self, consumer: str, request: Mapping[str, object]) -> None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{consumer}"
        await self._client.publish(subject, json.dumps(request).encode(), self._inbox)

    def _check_alive(self) -> None:
        """Raise `PullLost` if the server may have dropped the pull requests."""
        if not self._client.is_connected or self._client.stats["reconnects"] != self._reconnects:
            raise PullLost("the connection was lost")
        if time.monotonic() - self._last_received > 2.5 * HEARTBEAT_SECONDS:
            raise PullLost("no heartbeat")

    async def _receive(self, message: Msg) -> None:
        if self._closing is None:
            self._arrived.put_nowait(message)
        else:
            await self._return(message)

    async def _close(self, unread: list[Msg]) -> None:
        for message in unread:
            await self._return(message)
        if self._subscription is None or self._client.is_closed:
            return
        try:
            await self._subscription.drain()  # type: ignore[no-untyped-call]  # nats-py does not annotate it
        except NO_ANSWER:  # disconnected: the server has dropped the requests, the client has not
            with contextlib.suppress(nats.errors.Error):
                await self._subscription.unsubscribe()

    async def _return(self, message: Msg) -> None:
        if message.reply:
            with contextlib.suppress(*NO_ANSWER):
                await message.nak()


def pull_status(message: Msg) -> str:
    """Return the status of an answer to a pull request; empty for a message of the stream.

    The status is `HEARTBEAT` or one of `PULL_ENDED`. Raises `PullLost` for every other one.
    """
    status = (message.headers or {}).get("Status", "")
    if status and status != HEARTBEAT and status not in PULL_ENDED:
        raise PullLost(status)
    return status
