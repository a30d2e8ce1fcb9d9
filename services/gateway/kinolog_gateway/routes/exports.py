"""The route of exports: a finished video in another format, made while it is sent."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response, StreamingResponse

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_export.formats import ExportFormat
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, JobIdPath
from kinolog_gateway.routes.file_response import described_file
from kinolog_gateway.routes.file_stream import messages_of
from kinolog_gateway.upstream import Upstream

router = APIRouter(prefix="/api/v1/result", tags=["results"], responses=PROBLEMS)

_FORMATS = {
    ExportFormat.GIF: pb.EXPORT_FORMAT_GIF,
    ExportFormat.WEBP: pb.EXPORT_FORMAT_WEBP,
    ExportFormat.PNG: pb.EXPORT_FORMAT_PNG,
    ExportFormat.SPRITE_SHEET: pb.EXPORT_FORMAT_SPRITE_SHEET,
}
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The export. Its length is not known before it is made.",
        "content": {export_format.media_type: _BYTES for export_format in ExportFormat},
    }
}


@router.head("/{job_id}/export/{export_format}", response_class=Response, include_in_schema=False)
@router.get(
    "/{job_id}/export/{export_format}",
    response_class=Response,
    responses=_RESPONSES,
    summary="The video in another format",
)
async def export(
    request: Request,
    job_id: JobIdPath,
    export_format: Annotated[
        ExportFormat,
        Path(
            description="gif, webp (both animated), png: an archive with one picture per frame, or "
            "spritesheet: a JPEG of small frames in rows of eight."
        ),
    ],
    api: Api,
    caller: Caller,
) -> Response:
    """Make an export of the video of a completed job. It is not stored: each request makes it again."""
    return await export_response(request, job_id, export_format, api, caller)


async def export_response(
    request: Request, job_id: str, export_format: ExportFormat, api: Upstream, caller: HttpCaller
) -> Response:
    """Return the response with an export, or only its headers. Raises `HttpProblemError`, `AioRpcError`."""
    name = f"{job_id}{export_format.suffix}"
    headers = {
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'inline; filename="{name}"',
    }
    if request.method == "HEAD":
        if caller.has_ticket:
            await described_file(api, caller, job_id, job_pb2.ARTIFACT_KIND_VIDEO)
        else:
            await api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), caller)
        response = Response(media_type=export_format.media_type, headers=headers)
        del response.headers["Content-Length"]  # not known, rather than 0
        return response
    call = api.jobs.ExportVideo(
        pb.ExportVideoRequest(job_id=job_id, format=_FORMATS[export_format]), metadata=caller.metadata
    )
    messages = messages_of(call)
    await anext(messages, None)  # an error before the export begins still becomes a problem
    return StreamingResponse(
        (message.data async for message in messages if message.data),
        media_type=export_format.media_type,
        headers=headers,
    )
