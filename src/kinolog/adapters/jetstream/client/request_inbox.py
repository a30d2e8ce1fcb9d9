"""Requests whose answers arrive at one inbox: cheaper than the client's own, with several answers to a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream.client.api_request import ANSWER_SECONDS, NO_ANSWER, log_unavailable
from kinolog.counts import counted
from kinolog.ports.event_store import LogUnavailable

NO_RESPONDERS = "503"
HEADER_BYTES = 4096
"""Room for headers, which count towards the maximum size of a message."""


class MessageTooLarge(ValueError):
    """The message is larger than the server accepts. A retry does not help."""


class NoResponders(LogUnavailable):
    """No server takes the request: none has acted on it."""


class PendingRequest:
    """One request and its answers."""

    def __init__(self, complete: Callable[[Msg], bool]) -> None:
        self.messages: list[Msg] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._complete = complete

    def add(self, message: Msg) -> None:
        """Add an answer; `complete` returns whether it is the last."""
        if self.done.done():
            return
        self.messages.append(message)
        if self._complete(message):
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        """End the request with an error, unless it has ended."""
        if not self.done.done():
            self.done.set_exception(error)


class _AnswerTimeout:
    """Fails a request if no answer arrives for `ANSWER_SECONDS`."""

    def __init__(self, pending: PendingRequest) -> None:
        self._pending = pending
        self._check(-1)

    def cancel(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def _check(self, previous: int) -> None:
        answers = len(self._pending.messages)
        if answers == previous:
            self._pending.fail(nats.errors.TimeoutError())
        self._timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._check, answers)


class RequestInbox:
    """Sends requests and matches answers to them. Requests may overlap."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = client.new_inbox()
        self._tokens = count(1)
        self._pending: dict[str, PendingRequest] = {}
        self._subscription: Subscription | None = None
        self._subscribing = asyncio.Lock()

    async def send(self, subject: str, data: bytes, headers: dict[str, str]) -> None:
        """Publish without waiting for an answer. Raises `LogUnavailable` while disconnected, `MessageTooLarge`."""
        self.check_size(subject, data)
        try:
            await self._client.publish(subject, data, headers=headers)
        except NO_ANSWER as error:
            raise log_unavailable(subject, error) from error

    async def request(self, subject: str, data: bytes, headers: dict[str, str] | None = None) -> Msg:
        """Return the one answer to a request. Raises as `collect` does."""
        (answer,) = await self.collect(subject, data, _is_last, headers)
        return answer

    async def collect(
        self,
        subject: str,
        data: bytes,
        complete: Callable[[Msg], bool],
        headers: dict[str, str] | None = None,
    ) -> list[Msg]:
        """Return the answers to a request, up to and including the first for which `complete` is true.

        Raises `NoResponders`, `LogUnavailable` if no answer arrives for `ANSWER_SECONDS`, `MessageTooLarge`.
        """
        self.check_size(subject, data)
        token = str(next(self._tokens))
        pending = self._pending[token] = PendingRequest(complete)
        try:
            if self._subscription is None:
                await self._subscribe()
            reply = f"{self._prefix}.{token}"
            await self._client.publish(subject, data, reply, headers)
            await self._wait(pending)
        except NO_ANSWER as error:
            raise log_unavailable(subject, error) from error
        finally:
            del self._pending[token]
        last = pending.messages[-1]
        if last.headers and last.headers.get("Status") == NO_RESPONDERS:
            raise NoResponders(f"{subject}: no responders")
        return pending.messages

    async def close(self) -> None:
        """Close the inbox; pending requests fail."""
        for pending in self._pending.values():
            pending.fail(nats.errors.ConnectionClosedError())
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()
        self._subscription = None

    def check_size(self, subject: str, data: bytes) -> None:
        """Raise `MessageTooLarge` for a message that would make the server close the connection."""
        limit = self._client.max_payload - HEADER_BYTES
        if len(data) > limit:
            raise MessageTooLarge(
                f"{subject}: {counted(len(data), 'byte')} are more than the {limit} that the server accepts"
            )

    async def _wait(self, pending: PendingRequest) -> None:
        """Wait for the last answer while others keep arriving."""
        timer = _AnswerTimeout(pending)
        try:
            await pending.done
        finally:
            timer.cancel()

    async def _subscribe(self) -> None:
        async with self._subscribing:
            if self._subscription is None:
                self._subscription = await self._client.subscribe(f"{self._prefix}.*", cb=self._receive)

    async def _receive(self, message: Msg) -> None:
        pending = self._pending.get(message.subject.rpartition(".")[2])
        if pending is not None:  # else: the answer to a request that has failed
            pending.add(message)


def _is_last(message: Msg) -> bool:
    """Return True: a request without `complete` has one answer."""
    return True
