"""Messages of a call of the api that streams a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

from google.protobuf.message import Message
from grpc.aio import UnaryStreamCall

from kinolog_gateway.http.problems import HttpProblemError

CHUNK_SECONDS = 60.0
"""How long the api may take to send the next part of a file."""

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


async def messages_of(call: UnaryStreamCall[RequestT, ResponseT]) -> AsyncGenerator[ResponseT, None]:
    """Yield messages as fast as the client reads them. Cancel the call when the client leaves."""
    try:
        messages = aiter(call)
        while True:
            async with asyncio.timeout(CHUNK_SECONDS):  # of the api alone: a client may read slowly
                message = await anext(messages, None)
            if message is None:
                break
            yield message
    except TimeoutError:
        raise HttpProblemError(504, "API_UNAVAILABLE", "the api does not send the file; try again") from None
    finally:
        call.cancel()
