"""The route of live videos: what a job has drawn so far, and then the rest as it is drawn."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query, Request
from grpc.aio import AioRpcError
from starlette.responses import Response, StreamingResponse

from kinolog.counts import counted
from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, JobIdPath
from kinolog_gateway.routes.live_video.current_reads import CurrentReads, LiveRead
from kinolog_gateway.routes.live_video.growing_file import GrowingRange, attempt_in, growing_range, tag_of
from kinolog_gateway.upstream import Upstream

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1/result", tags=["results"], responses=PROBLEMS)

CHANGED = "LIVE_VIDEO_CHANGED"
"""Reason of the api's refusal to read of another attempt than the current one."""

_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The video from its first byte, as far as it is drawn, and then the rest as it is drawn.",
        "content": {"video/mp4": _BYTES},
    },
    206: {"description": "The requested range.", "content": {"video/mp4": _BYTES}},
}

WaitSeconds: TypeAlias = Annotated[
    int,
    Query(ge=0, le=30, description="How many seconds to wait at most until there is something to play."),
]


@router.head("/{job_id}/stream", response_class=Response, include_in_schema=False)
@router.get(
    "/{job_id}/stream",
    response_class=Response,
    responses=_RESPONSES,
    summary="The video while it is rendered",
)
async def stream(
    request: Request, job_id: JobIdPath, api: Api, caller: Caller, wait_seconds: WaitSeconds = 0
) -> Response:
    """Play a job while it is rendered: fragmented MP4 with H.264, without sound, until the last frame is drawn.

    Its ETag is that of the attempt. After a lost connection go on with If-Match, and Range up to byte 9007199254740991
    (RFC 8673). 412 means that another attempt has begun: start again. 409 until there is something to play. 404 some
    minutes after the end of the job: read its video.
    """
    reads: CurrentReads = request.app.state.live_video_reads
    read, wanted = await _requested(request, job_id, wait_seconds, _Reader(reads, api, caller))
    described = read.described
    available, is_complete = described.available_bytes, described.complete
    headers = {
        "ETag": tag_of(described.attempt),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Accel-Buffering": "no",
        "Content-Disposition": f'inline; filename="{job_id}-live.mp4"',
    }
    length: int | None = None
    if wanted is not None:
        length = wanted.held(available)
        if not length and (is_complete or not wanted.is_live):
            await read.messages.aclose()
            raise _nothing_there(available)
        goes_on = wanted.is_live and not is_complete
        last = wanted.last if goes_on else wanted.first + length - 1
        headers["Content-Range"] = f"bytes {wanted.first}-{last}/{available if is_complete else '*'}"
        length = None if goes_on else length
    elif is_complete:
        length = available
    if length is not None:
        headers["Content-Length"] = str(length)
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        await read.messages.aclose()
        response = Response(status_code=status, media_type=described.media_type, headers=headers)
        if length is None:
            del response.headers["Content-Length"]  # not known, rather than 0
        return response
    return StreamingResponse(
        _content(reads, read, length, job_id),
        status_code=status,
        media_type=described.media_type,
        headers=headers,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads a live video, and where."""

    reads: CurrentReads
    api: Upstream
    caller: HttpCaller

    async def begun(self, asked: pb.ReadLiveVideoRequest) -> LiveRead:
        """Return the call of the api, of which the first message has come. Raises `HttpProblemError`."""
        try:
            return await self.reads.begun(self.api.jobs.ReadLiveVideo(asked, metadata=self.caller.metadata))
        except AioRpcError as error:
            raise grpc_errors.from_call(error) from None
        except ConnectionAbortedError as error:
            raise HttpProblemError(
                503, "GATEWAY_STOPS", f"{error}; try again", headers={"Retry-After": "1"}
            ) from None


async def _requested(
    request: Request, job_id: str, wait_seconds: int, reader: _Reader
) -> tuple[LiveRead, GrowingRange | None]:
    """Return the call that reads the live video, and the range that is sent of it. Raises `HttpProblemError`.

    With If-Range, a range of another attempt than the current one is all of that one.
    """
    wanted = growing_range(request.headers)
    asked = pb.ReadLiveVideoRequest(
        job_id=job_id,
        attempt=attempt_in(request.headers.get("if-match")),
        offset=0 if wanted is None else wanted.first,
        wait_seconds=wait_seconds,
    )
    condition = request.headers.get("if-range")
    if wanted is None or condition is None or asked.attempt:
        return await reader.begun(asked), wanted
    asked.attempt = attempt_in(condition)
    try:
        return await reader.begun(asked), wanted
    except HttpProblemError as problem:
        if problem.problem.reason != CHANGED:
            raise
    asked.attempt = asked.offset = 0
    return await reader.begun(asked), None


async def _content(
    reads: CurrentReads, read: LiveRead, length: int | None, job_id: str
) -> AsyncIterator[bytes]:
    """Yield the bytes, so many or all. Where the attempt ends before, so does the connection, in the middle."""
    left = length
    try:
        async with aclosing(reads.content(read)) as pieces:
            async for piece in pieces:
                data = piece if left is None else piece[:left]
                if data:
                    yield data
                if left is not None:
                    left -= len(data)
                    if not left:
                        return
    except AioRpcError as error:
        reason = grpc_errors.from_call(error).problem.reason
        logger.info(
            "a live video ended before its end", extra=fields("live_video", job=job_id, reason=reason)
        )
        raise ConnectionAbortedError(reason) from None


def _nothing_there(available: int) -> HttpProblemError:
    return HttpProblemError(
        416,
        "RANGE_NOT_SATISFIABLE",
        f"the live video has {counted(available, 'byte')}",
        headers={"Content-Range": f"bytes */{available}"},
    )
