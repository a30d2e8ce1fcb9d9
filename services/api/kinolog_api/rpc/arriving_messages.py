"""Request messages as they arrive: in time, and only a few at once of clients that nobody has identified.

gRPC takes in a message when it is read, and holds it in memory until it is whole. All methods are therefore served as
streams of requests: the caller is identified by the metadata first, and the message of one who is refused stays unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias, TypeVar

from google.protobuf.message import DecodeError, Message
from grpc import StatusCode
from grpc.aio import ServicerContext

from kinolog_api.rpc.errors import RETRY_SECONDS, RpcError
from kinolog_api.rpc.rates.turns import Turns

Context: TypeAlias = ServicerContext[bytes, bytes]
ParsedT = TypeVar("ParsedT", bound=Message)

MESSAGE_SECONDS = 60.0
"""How long the message of a caller may take to arrive."""
STRANGER_SECONDS = 5.0
"""How long the message of a client without a key may take to arrive."""
STRANGER_MESSAGES = 4
"""Messages of clients without a key, from one address, that may arrive at once. Others wait, unread."""
DRAINED_BYTES = 64 << 20
"""Most bytes of a refused upload that are read."""
STRANGER_WAITERS = 1_000
"""Calls of clients without a key, from one address, whose messages arrive or wait. Others are refused."""
STRANGER_BYTES = 65_536
"""Largest message of a client without a key."""


async def one_message(context: Context, seconds: float) -> bytes:
    """Return the next message of a call. Raises `RpcError` if there is none, or if it takes too long.

    The iterator that gRPC gives to handlers of streams would hold the message until the call ends.
    """
    try:
        async with asyncio.timeout(seconds):
            message: object = await context.read()
    except TimeoutError:
        text = f"the request did not arrive within {seconds:g} s; send it again"
        raise RpcError(StatusCode.DEADLINE_EXCEEDED, "REQUEST_STALLED", text) from None
    if not isinstance(message, bytes):  # the end of the stream
        text = "the call has no request; send one message"
        raise RpcError(StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE", text)
    return message


def parsed(kind: type[ParsedT], raw: bytes) -> ParsedT:
    """Return the message in these bytes. Raises `RpcError` if there is none of this kind."""
    try:
        return kind.FromString(raw)
    except DecodeError:
        message = f"the bytes are not a {kind.DESCRIPTOR.name}"
        raise RpcError(StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE", message) from None


class StrangerMessages:
    """Takes in the messages of methods that need no key: a few at once for each address."""

    def __init__(
        self,
        at_once: int = STRANGER_MESSAGES,
        seconds: float = STRANGER_SECONDS,
        waiters: int = STRANGER_WAITERS,
    ) -> None:
        self._waiters = waiters
        self._seconds = seconds
        self._arriving, self._drained = Turns(at_once), Turns(at_once)

    async def one(self, context: Context) -> bytes:
        """Return the message of a call with one. Raises `RpcError` if it is missing, large or late."""
        async with self._turn(context, self._arriving):
            message = await one_message(context, self._seconds)
            size = len(message)
            if size <= STRANGER_BYTES:
                return message
            del message  # an error keeps what its frames hold until it is answered
            text = (
                f"the request has {size:,} bytes, and this method takes at most {STRANGER_BYTES:,}; send less"
            )
            raise RpcError(StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", text)

    async def each(self, context: Context) -> AsyncGenerator[bytes, None]:
        """Yield the messages of a stream. It ends when one takes too long. Raises `RpcError` for a large one."""
        while True:
            try:
                message = await self.one(context)
            except RpcError as error:
                if error.code is StatusCode.RESOURCE_EXHAUSTED:
                    raise
                return
            yield message

    async def drain(self, context: Context) -> None:
        """Read what the client of a refused upload still sends, and drop it, for a while.

        A client of gRPC may lose the error of a call that ends while it still sends. It counts as a stranger, since
        most callers that are refused here are, and keeps no message out: the gateway's calls have one address.
        """
        left = DRAINED_BYTES
        with suppress(TimeoutError, RpcError):  # with too many of the address nothing is read
            async with asyncio.timeout(self._seconds), self._turn(context, self._drained):
                while left > 0 and isinstance(message := await context.read(), bytes):
                    left -= max(1_000, len(message))  # an empty message takes time too

    @asynccontextmanager
    async def _turn(self, context: Context, turns: Turns) -> AsyncGenerator[None, None]:
        address = context.peer().rpartition(":")[0]
        if (users := turns.users(address)) >= self._waiters:
            text = f"this machine has {users} calls without a key open; try again later"
            raise RpcError(
                StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_AT_ONCE", text, retry_seconds=RETRY_SECONDS
            )
        end = await turns.acquire(address)
        try:
            yield
        finally:
            end()
