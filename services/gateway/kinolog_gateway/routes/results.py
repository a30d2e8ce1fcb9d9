"""Routes of a job's result: facts, manifest, and files with Range and ETag."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response, StreamingResponse

from kinolog.counts import counted
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.byte_ranges import ByteRange, RangeNotSatisfiable, not_modified, requested_range
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.responses.result import ManifestView, ResultView, manifest_view, result_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, JobIdPath, json_response
from kinolog_gateway.routes.file_stream import messages_of
from kinolog_gateway.upstream import Upstream

router = APIRouter(prefix="/mcp/result", tags=["results"], responses=PROBLEMS)

_EXTENSIONS = {
    "video/mp4": "mp4",
    "image/webp": "webp",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
}
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"video/mp4": _BYTES, "image/*": _BYTES}},
    206: {
        "description": "The bytes of the requested range.",
        "content": {"video/mp4": _BYTES, "image/*": _BYTES},
    },
    304: {"description": "The client already has this file."},
}


@router.get("/{job_id}", response_model=ResultView, summary="A result's facts and links")
async def result(job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read the facts of a completed job's result; 409 until it is completed."""
    response = await api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), caller)
    return json_response(result_view(job_id, response))


@router.head("/{job_id}/manifest", response_class=Response, include_in_schema=False)
@router.get("/{job_id}/manifest", response_model=ManifestView, summary="A result's manifest")
async def manifest(job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read the facts to check the video against the log and to render it again."""
    response, job, history = await asyncio.gather(
        api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), caller),
        api.call(api.jobs.GetJob, pb.GetJobRequest(job_id=job_id), caller),
        api.call(api.audit.GetHistory, audit.GetHistoryRequest(job_id=job_id), caller),
    )
    return json_response(manifest_view(job.job, response, history))


async def _result_file(
    request: Request, job_id: str, kind: job_pb2.ArtifactKind.ValueType, api: Upstream, caller: HttpCaller
) -> Response:
    response = await api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), caller)
    for artifact in response.artifacts:
        if artifact.kind == kind:
            return await _file_response(request, api, caller, artifact, job_id)
    raise HttpProblemError(
        404, "ARTIFACT_NOT_FOUND", "this job has no such file; its links name the files that it has"
    )


@router.get("/{job_id}/video", response_class=Response, responses=FILE_RESPONSES, summary="The video")
async def video(request: Request, job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read the video, or the requested range of it."""
    return await _result_file(request, job_id, job_pb2.ARTIFACT_KIND_VIDEO, api, caller)


@router.head(
    "/{job_id}/video", response_class=Response, responses=FILE_RESPONSES, summary="The video's headers"
)
async def video_headers(request: Request, job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read the headers that GET returns."""
    return await _result_file(request, job_id, job_pb2.ARTIFACT_KIND_VIDEO, api, caller)


@router.head("/{job_id}/thumbnail", response_class=Response, include_in_schema=False)
@router.get("/{job_id}/thumbnail", response_class=Response, responses=FILE_RESPONSES, summary="The thumbnail")
async def thumbnail(request: Request, job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read one frame of the video as a small image."""
    return await _result_file(request, job_id, job_pb2.ARTIFACT_KIND_THUMBNAIL, api, caller)


@router.head("/{job_id}/preview", response_class=Response, include_in_schema=False)
@router.get("/{job_id}/preview", response_class=Response, responses=FILE_RESPONSES, summary="The preview")
async def preview(request: Request, job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read a small animated image of the video."""
    return await _result_file(request, job_id, job_pb2.ARTIFACT_KIND_PREVIEW, api, caller)


@router.head("/{job_id}/scenes/{index}", response_class=Response, include_in_schema=False)
@router.get("/{job_id}/scenes/{index}", response_class=Response, responses=FILE_RESPONSES, summary="A scene")
async def scene(
    request: Request,
    job_id: JobIdPath,
    index: Annotated[int, Path(ge=0, le=9_999, description="The scene, from 0.")],
    api: Api,
    caller: Caller,
) -> Response:
    """Read one rendered scene. Scenes can be read before the job is completed."""
    storyboard = await api.call(api.jobs.GetStoryboard, pb.GetStoryboardRequest(job_id=job_id), caller)
    for rendered in storyboard.scenes:
        if rendered.index == index and rendered.HasField("artifact"):
            return await _file_response(request, api, caller, rendered.artifact, job_id, index)
    raise HttpProblemError(404, "ARTIFACT_NOT_FOUND", "the job has no such scene, or it is not rendered yet")


async def _file_response(
    request: Request,
    api: Upstream,
    caller: HttpCaller,
    artifact: job_pb2.Artifact,
    job_id: str,
    scene: int | None = None,
) -> Response:
    """Return the response with a file, a range of it, or only its headers. `scene` is the index of a scene's file.

    Headers are those of GET: a file that GET cannot read is the same problem here.
    """
    etag = f'"{artifact.sha256}"'
    headers = _file_headers(artifact, etag, name=job_id if scene is None else f"{job_id}-scene-{scene}")
    if not_modified(request.headers, etag):
        return Response(status_code=304, headers=headers)
    try:
        byte_range = requested_range(request.headers, etag, artifact.size_bytes)
    except RangeNotSatisfiable:
        raise HttpProblemError(
            416,
            "RANGE_NOT_SATISFIABLE",
            f"the file ends at {counted(artifact.size_bytes, 'byte')}",
            headers={"Content-Range": f"bytes */{artifact.size_bytes}"},
        ) from None
    status = 206 if byte_range else 200
    headers["Content-Length"] = str(byte_range.length if byte_range else artifact.size_bytes)
    if byte_range:
        headers["Content-Range"] = byte_range.content_range
    if request.method == "HEAD":
        end = ByteRange(first=artifact.size_bytes, last=artifact.size_bytes - 1, size=artifact.size_bytes)
        await anext(_read_artifact(api, caller, artifact, job_id, scene or 0, end), b"")
        return Response(status_code=status, media_type=artifact.media_type, headers=headers)
    chunks = _read_artifact(api, caller, artifact, job_id, scene or 0, byte_range)
    first = await anext(chunks, b"")  # an error of the first read still becomes a problem
    return StreamingResponse(
        _chain(first, chunks), status_code=status, media_type=artifact.media_type, headers=headers
    )


def _file_headers(artifact: job_pb2.Artifact, etag: str, *, name: str) -> dict[str, str]:
    extension = _EXTENSIONS.get(artifact.media_type, "bin")
    return {
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(artifact.sha256)).decode('ascii')}:",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'inline; filename="{name}.{extension}"',
    }


async def _read_artifact(
    api: Upstream,
    caller: HttpCaller,
    artifact: job_pb2.Artifact,
    job_id: str,
    index: int,
    byte_range: ByteRange | None,
) -> AsyncIterator[bytes]:
    """Yield bytes from the api as fast as the client reads them."""
    call = api.jobs.ReadArtifact(
        pb.ReadArtifactRequest(
            job_id=job_id,
            kind=artifact.kind,
            scene=index,
            offset=byte_range.first if byte_range else 0,
            limit=byte_range.length if byte_range else 0,
        ),
        metadata=caller.metadata,
    )
    async with aclosing(messages_of(call)) as messages:
        async for message in messages:
            if message.data:
                yield message.data


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for data in rest:
        yield data
