"""The live videos that are sent now. They end early when the gateway stops: some would go on for hours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from grpc.aio import UnaryStreamCall

from kinolog.v1 import job_service_pb2 as pb


@dataclass(frozen=True, slots=True, eq=False)
class LiveRead:
    """A call of the api that has begun: what it described, and the messages that follow."""

    described: pb.LiveVideo
    call: UnaryStreamCall[pb.ReadLiveVideoRequest, pb.ReadLiveVideoResponse]
    messages: AsyncGenerator[pb.ReadLiveVideoResponse, None]


class CurrentReads:
    """The live videos that are sent to clients."""

    def __init__(self) -> None:
        self._reads: set[LiveRead] = set()
        self._are_ended = False
        """Whether they were ended because the gateway stops."""

    async def content(self, read: LiveRead) -> AsyncGenerator[bytes, None]:
        """Yield the bytes. Raises `AioRpcError`, and `ConnectionAbortedError` when the gateway stops."""
        self._reads.add(read)
        try:
            async with aclosing(read.messages) as messages:
                async for message in messages:
                    yield message.data
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._are_ended and task is not None and not task.cancelling():
                raise ConnectionAbortedError("the gateway stops") from None
            raise
        finally:
            self._reads.discard(read)

    def end(self) -> None:
        """End all of them. Clients go on at another gateway, or at this one when it is back."""
        self._are_ended = True
        for read in tuple(self._reads):
            read.call.cancel()
