"""The live videos that clients wait for or are sent. They end when the gateway stops: some would go on for hours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from grpc.aio import UnaryStreamCall

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.routes.file_stream import messages_of

LiveCall: TypeAlias = UnaryStreamCall[pb.ReadLiveVideoRequest, pb.ReadLiveVideoResponse]


@dataclass(frozen=True, slots=True, eq=False)
class LiveRead:
    """A call of the api that has begun: what it described, and the messages that follow."""

    described: pb.LiveVideo
    call: LiveCall
    messages: AsyncGenerator[pb.ReadLiveVideoResponse, None]


class CurrentReads:
    """The calls for live videos. Whatever waits for one raises `ConnectionAbortedError` when the gateway stops."""

    def __init__(self) -> None:
        self._calls: set[LiveCall] = set()
        self._are_ended = False
        """Whether they were ended because the gateway stops."""

    async def begun(self, call: LiveCall) -> LiveRead:
        """Return the read once its first message has come. Raises `AioRpcError`."""
        messages = messages_of(call)
        with self._ending_with_the_gateway(call):
            return LiveRead((await anext(messages)).live_video, call, messages)

    async def content(self, read: LiveRead) -> AsyncGenerator[bytes, None]:
        """Yield the bytes. Raises `AioRpcError`."""
        with self._ending_with_the_gateway(read.call):
            async with aclosing(read.messages) as messages:
                async for message in messages:
                    yield message.data

    def end(self) -> None:
        """End all of them, and those that begin later. Clients go on at another gateway, or here when it is back."""
        self._are_ended = True
        for call in tuple(self._calls):
            call.cancel()

    @contextmanager
    def _ending_with_the_gateway(self, call: LiveCall) -> Iterator[None]:
        self._calls.add(call)
        try:
            if self._are_ended:
                call.cancel()
            yield
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._are_ended and task is not None and not task.cancelling():
                raise ConnectionAbortedError("the gateway stops") from None
            raise
        finally:
            self._calls.discard(call)
