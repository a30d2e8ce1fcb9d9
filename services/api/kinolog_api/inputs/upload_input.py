"""UploadInput: receives a picture or clip, and stores it until jobs start from it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from grpc import StatusCode

from kinolog.codec.times import time_to_proto
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.alarms.write_guard import WriteGuard
from kinolog_api.dependencies import InputLimits
from kinolog_api.inputs.checked_content import CheckedContent, refused
from kinolog_api.inputs.upload_quota import UploadQuota
from kinolog_api.inputs.uploads import Uploads
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument

MAX_PART_BYTES = 1 << 20
PART_SECONDS = 60.0
"""How long a client may take to send the next part."""
WHOLE_SECONDS = 3600.0
"""How long a client may take to send the whole file."""


class _ArrivingParts:
    """The parts of a file, each of which and all of which arrive in time."""

    def __init__(self, parts: AsyncIterator[pb.UploadInputRequest]) -> None:
        self._parts = parts
        self._ends_at = asyncio.get_running_loop().time() + WHOLE_SECONDS

    async def next(self) -> pb.UploadInputRequest | None:
        """Return the next part; None at the end. Raises DEADLINE_EXCEEDED if none comes in time."""
        left_seconds = self._ends_at - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, min(PART_SECONDS, left_seconds))):
                return await anext(self._parts, None)
        except TimeoutError:
            problem = f"the file did not arrive within {WHOLE_SECONDS:,.0f} s"
            if left_seconds > PART_SECONDS:
                problem = f"no part of the file arrived for {PART_SECONDS:.0f} s"
            message = f"{problem}; send it again"
            raise RpcError(StatusCode.DEADLINE_EXCEEDED, "UPLOAD_STALLED", message) from None


class UploadInput:
    """UploadInput."""

    def __init__(self, uploads: Uploads, write_guard: WriteGuard, limits: InputLimits) -> None:
        self._uploads = uploads
        self._write_guard = write_guard
        self._limits = limits
        self._quota = UploadQuota(uploads.waiting_bytes, limits.tenant_bytes)

    async def upload(
        self, parts: AsyncIterator[pb.UploadInputRequest], call: RpcCall
    ) -> pb.UploadInputResponse:
        """UploadInput. Nothing of a file that is refused, or that does not arrive as a whole, stays stored.

        What is left of a refused file is read, up to the size that is taken: a client of gRPC may lose the error of a
        call that ends while it still sends.
        """
        arriving = _ArrivingParts(parts)
        try:
            return await self._upload(arriving, call)
        except RpcError as error:
            if error.code is not StatusCode.DEADLINE_EXCEEDED:
                await _drain(arriving, self._limits.max_bytes)
            raise

    async def _upload(self, parts: _ArrivingParts, call: RpcCall) -> pb.UploadInputResponse:
        first = await parts.next()
        if first is None or first.WhichOneof("part") != "file":
            raise invalid_argument([RequestViolation("file", "must be in the first message, and only there")])
        stated = first.file
        if stated.size_bytes > self._limits.max_bytes:
            problem = f"has {stated.size_bytes:,} bytes, and at most {self._limits.max_bytes:,} are taken"
            raise refused("INPUT_TOO_LARGE", f"{problem}; send a smaller file")
        await self._write_guard.check_new_job()
        checked = CheckedContent(self._limits, size_bytes=stated.size_bytes)
        async with self._quota.arriving(call.tenant, stated.size_bytes) as upload:
            content = upload.counted(_content(parts, checked))
            stored = await self._uploads.put(call.tenant, content, checked)
            upload.stored = True
        wire = pb.Upload(
            id=stored.id,
            sha256=stored.facts.sha256,
            media_type=stored.media_type,
            size_bytes=stored.size_bytes,
            width=stored.facts.width,
            height=stored.facts.height,
        )
        time_to_proto(wire.expires_at, stored.expires_at)
        return pb.UploadInputResponse(upload=wire)


async def _content(parts: _ArrivingParts, checked: CheckedContent) -> AsyncIterator[bytes]:
    """Yield the bytes of a file. Raises INVALID_ARGUMENT for a wrong part, and for a file without an end.

    A stream ends in the same way if its client has gone, so an end without its message is no end.
    """
    while (part := await parts.next()) is not None:
        match part.WhichOneof("part"):
            case "end":
                checked.stated_sha256 = part.end.sha256
                return
            case "data" if 0 < len(part.data) <= MAX_PART_BYTES:
                yield part.data
            case "data":
                problem = f"must have 1 to {MAX_PART_BYTES:,} bytes"
                raise invalid_argument([RequestViolation("data", problem)])
            case _:
                problem = "must be in every message but the first and the last"
                raise invalid_argument([RequestViolation("data", problem)])
    raise refused("INPUT_TORN", "did not arrive to its end; send it again")


async def _drain(parts: _ArrivingParts, most_bytes: int) -> None:
    """Read what is left of a file and drop it, at most so many bytes."""
    with contextlib.suppress(RpcError):  # the first error counts
        while most_bytes > 0 and (part := await parts.next()) is not None:
            most_bytes -= max(1_000, len(part.data))  # an empty part takes time too
