"""Where the answers to pull requests arrive."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream.client.api_request import NO_ANSWER


class PullInboxClosed(Exception):
    """The wait was ended by somebody else."""


class PullInbox:
    """The answers to the pull requests of one wait.

    When the wait is over the server is told so, which withdraws the requests that still stand; messages that were
    handed out already, and nobody took, go back at once.
    """

    def __init__(self, client: Client, stream: str) -> None:
        self._client = client
        self._stream = stream
        self._inbox = client.new_inbox()
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._subscription: Subscription | None = None
        self._finishing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make the inbox known to the server."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._take)

    async def pull(self, consumer: str, request: Mapping[str, object]) -> None:
        """Ask a consumer for messages."""
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{consumer}"
        await self._client.publish(subject, json.dumps(request).encode(), self._inbox)

    async def get(self, timeout_seconds: float) -> Msg | None:
        """The next answer, or None when none came in time. Raises `PullInboxClosed`.

        Cancelling the wait leaves an answer that came in the inbox.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                message = await self._arrived.get()
        except TimeoutError:
            return None
        if message is None:
            raise PullInboxClosed
        return message

    def rest(self) -> list[Msg]:
        """The answers that are here already."""
        answers = []
        while self._finishing is None and not self._arrived.empty():
            answers.append(self._arrived.get_nowait())
        return [answer for answer in answers if answer is not None]

    def finish(self, forget: Callable[[PullInbox], None] = lambda inbox: None) -> None:
        """End the wait, without waiting for it; `forget` is called when nothing can arrive any more."""
        if self._finishing is not None:
            return
        unwanted = []
        while not self._arrived.empty():
            unwanted.append(self._arrived.get_nowait())
        self._arrived.put_nowait(None)
        self._finishing = asyncio.create_task(self._finish([message for message in unwanted if message]))
        self._finishing.add_done_callback(lambda _: forget(self))

    async def finished(self) -> None:
        """Wait until nothing can arrive any more."""
        if self._finishing is not None:
            await asyncio.shield(self._finishing)

    async def _take(self, message: Msg) -> None:
        if self._finishing is None:
            self._arrived.put_nowait(message)
        else:
            await self._return(message)

    async def _finish(self, unwanted: list[Msg]) -> None:
        for message in unwanted:
            await self._return(message)
        if self._subscription is None or self._client.is_closed:
            return
        try:
            await self._subscription.drain()  # type: ignore[no-untyped-call]  # nats-py does not annotate it
        except NO_ANSWER:  # disconnected: the server has forgotten the requests, the client has yet to
            with contextlib.suppress(nats.errors.Error):
                await self._subscription.unsubscribe()

    async def _return(self, message: Msg) -> None:
        if message.reply:
            with contextlib.suppress(*NO_ANSWER):
                await message.nak()
