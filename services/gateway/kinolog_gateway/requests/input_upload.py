"""The upload of one file to the api, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from typing import Any

from grpc.aio import AioRpcError, StreamUnaryCall

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.upstream import Upstream

PART_BYTES = 512 * 1024
"""Bytes of a file in one message to the api."""

DRAINED_BYTES = 16 << 20
"""Bytes of a refused body that are still read, so that its client gets to read the answer."""


class InputUpload:
    """An upload. Its methods raise `AioRpcError` if the api refuses it, also before its end."""

    def __init__(self, api: Upstream, caller: HttpCaller) -> None:
        method: Any = api.jobs.UploadInput  # its stub requires the messages, which are written one by one
        self._call: StreamUnaryCall[pb.UploadInputRequest, pb.UploadInputResponse] = method(
            metadata=caller.metadata
        )
        self._is_first = True

    async def send(self, piece: bytes) -> None:
        """Send the next bytes."""
        for start in range(0, len(piece), PART_BYTES):
            await self._write(pb.UploadInputRequest(data=piece[start : start + PART_BYTES]))

    async def finish(self) -> pb.Upload:
        """Say that this was all. Return the upload."""
        await self._write(pb.UploadInputRequest(end=pb.UploadEnd()))
        with suppress(AioRpcError, asyncio.InvalidStateError):  # the call has ended: its status says why
            await self._call.done_writing()
        return (await self._call).upload

    def cancel(self) -> None:
        """Upload nothing, unless it is finished."""
        self._call.cancel()

    async def _write(self, message: pb.UploadInputRequest) -> None:
        try:
            if self._is_first:
                self._is_first = False
                await self._call.write(pb.UploadInputRequest(file=pb.UploadedFile()))
            await self._call.write(message)
        except (AioRpcError, asyncio.InvalidStateError):
            await self._call  # the call has ended: its status says why


async def uploaded(pieces: AsyncIterable[bytes], api: Upstream, caller: HttpCaller) -> pb.Upload:
    """Upload a file while it arrives. Raises `AioRpcError`, and what reading the pieces raises."""
    upload = InputUpload(api, caller)
    try:
        async for piece in pieces:
            await upload.send(piece)
        return await upload.finish()
    except BaseException:
        upload.cancel()
        raise


async def drain(body: AsyncIterator[bytes]) -> None:
    """Read what is left of a body that is not too large: a client may read no answer before it has sent everything."""
    left = DRAINED_BYTES
    async for chunk in body:
        left -= len(chunk)
        if left < 0:
            break
