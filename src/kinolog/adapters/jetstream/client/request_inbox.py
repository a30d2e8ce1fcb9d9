"""Requests whose answers come to one inbox: cheaper than the client's own, and able to take many messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream.client.api_request import ANSWER_SECONDS, NO_ANSWER
from kinolog.ports.event_store import LogUnavailable

NOBODY_LISTENS = "503"
HEADER_BYTES = 4096
"""Room for headers, which count towards the largest message that a server takes."""


class MessageTooLarge(ValueError):
    """A message that no server would take; trying again does not help."""


class PendingRequest:
    """One request and what has come back."""

    def __init__(self, complete: Callable[[Msg], bool]) -> None:
        self.messages: list[Msg] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._complete = complete

    def take(self, message: Msg) -> None:
        """Keep an answer; `complete` says whether it is the last."""
        if self.done.done():
            return
        self.messages.append(message)
        if self._complete(message):
            self.done.set_result(None)

    def give_up(self, error: Exception) -> None:
        """End it with an error, unless it has ended."""
        if not self.done.done():
            self.done.set_exception(error)


class _Patience:
    """Gives an exchange up when nothing has come for `ANSWER_SECONDS`."""

    def __init__(self, exchange: PendingRequest) -> None:
        self._exchange = exchange
        self._look(-1)

    def cancel(self) -> None:
        """No longer look."""
        self._timer.cancel()

    def _look(self, seen: int) -> None:
        came = len(self._exchange.messages)
        if came == seen:
            self._exchange.give_up(nats.errors.TimeoutError())
        self._timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._look, came)


class RequestInbox:
    """Sends requests and hands each the answers to it. Requests may overlap."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = client.new_inbox()
        self._tokens = count(1)
        self._exchanges: dict[str, PendingRequest] = {}
        self._subscription: Subscription | None = None
        self._subscribing = asyncio.Lock()

    async def send(self, subject: str, data: bytes, headers: dict[str, str]) -> None:
        """Publish without waiting for an answer. Raises `LogUnavailable` while disconnected, `MessageTooLarge`."""
        self.check_size(subject, data)
        try:
            await self._client.publish(subject, data, headers=headers)
        except NO_ANSWER as error:
            raise LogUnavailable(f"{subject}: {str(error) or type(error).__name__}") from error

    async def request(self, subject: str, data: bytes, headers: dict[str, str] | None = None) -> Msg:
        """The one answer to a request. Raises `LogUnavailable` when none comes."""
        (answer,) = await self.collect(subject, data, _any, headers)
        return answer

    async def collect(
        self,
        subject: str,
        data: bytes,
        complete: Callable[[Msg], bool],
        headers: dict[str, str] | None = None,
    ) -> list[Msg]:
        """The answers to a request up to the one that makes them `complete`, that one included.

        Raises `LogUnavailable` when none comes for `ANSWER_SECONDS`, `MessageTooLarge`.
        """
        self.check_size(subject, data)
        token = str(next(self._tokens))
        exchange = self._exchanges[token] = PendingRequest(complete)
        try:
            if self._subscription is None:
                await self._subscribe()
            reply = f"{self._prefix}.{token}"
            await self._client.publish(subject, data, reply, headers)
            await self._wait(exchange)
        except NO_ANSWER as error:
            raise LogUnavailable(f"{subject}: {str(error) or type(error).__name__}") from error
        finally:
            del self._exchanges[token]
        last = exchange.messages[-1]
        if last.headers and last.headers.get("Status") == NOBODY_LISTENS:
            raise LogUnavailable(f"{subject}: nobody listens")
        return exchange.messages

    async def close(self) -> None:
        """Give up the inbox; requests under way fail."""
        for exchange in self._exchanges.values():
            exchange.give_up(nats.errors.ConnectionClosedError())
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()
        self._subscription = None

    def check_size(self, subject: str, data: bytes) -> None:
        """Raise `MessageTooLarge` for a message whose sending would make the server end the connection."""
        limit = self._client.max_payload - HEADER_BYTES
        if len(data) > limit:
            raise MessageTooLarge(
                f"{subject}: {len(data)} bytes are more than the {limit} that the server takes"
            )

    async def _wait(self, exchange: PendingRequest) -> None:
        """Wait for the last answer, as long as others keep coming."""
        timer = _Patience(exchange)
        try:
            await exchange.done
        finally:
            timer.cancel()

    async def _subscribe(self) -> None:
        async with self._subscribing:
            if self._subscription is None:
                self._subscription = await self._client.subscribe(f"{self._prefix}.*", cb=self._take)

    async def _take(self, message: Msg) -> None:
        exchange = self._exchanges.get(message.subject.rpartition(".")[2])
        if exchange is not None:  # else of a request that was given up
            exchange.take(message)


def _any(message: Msg) -> bool:
    return True
