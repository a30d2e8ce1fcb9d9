"""Routes of a job's result: its facts, its manifest, and its files with Range and ETag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from grpc.aio import UnaryStreamCall
from starlette.responses import Response, StreamingResponse

from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_pb2, job_service_pb2
from kinolog_gateway.http.byte_ranges import ByteRange, RangeNotSatisfiable, not_modified, requested_range
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import ProblemError
from kinolog_gateway.responses.result import ManifestView, ResultView, manifest_view, result_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Asker, JobIdPath, answer
from kinolog_gateway.upstream import Upstream

router = APIRouter(prefix="/mcp/result", tags=["results"], responses=PROBLEMS)

pb = job_service_pb2

_EXTENSIONS = {
    "video/mp4": "mp4",
    "image/webp": "webp",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
}
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
FILE_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"video/mp4": _BYTES, "image/*": _BYTES}},
    206: {
        "description": "The bytes that Range asked for.",
        "content": {"video/mp4": _BYTES, "image/*": _BYTES},
    },
    304: {"description": "The client has this file already."},
}


@router.get("/{job_id}", response_model=ResultView, summary="A result's facts and links")
async def result(job_id: JobIdPath, api: Api, asker: Asker) -> Response:
    """Read the facts of a completed job's result; 409 until it is completed."""
    found = await api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), asker)
    return answer(result_view(job_id, found))


@router.get("/{job_id}/manifest", response_model=ManifestView, summary="A result's manifest")
async def manifest(job_id: JobIdPath, api: Api, asker: Asker) -> Response:
    """Read what it takes to check the video against the log, and to make it again."""
    found, job, history = await asyncio.gather(
        api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), asker),
        api.call(api.jobs.GetJob, pb.GetJobRequest(job_id=job_id), asker),
        api.call(api.audit.GetHistory, audit.GetHistoryRequest(job_id=job_id), asker),
    )
    return answer(manifest_view(job.job, found, history))


async def _result_file(
    request: Request, job_id: str, kind: job_pb2.ArtifactKind.ValueType, api: Upstream, asker: HttpCaller
) -> Response:
    found = await api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), asker)
    for artifact in found.artifacts:
        if artifact.kind == kind:
            return await _file(request, api, asker, artifact, job_id)
    raise ProblemError(
        404, "ARTIFACT_NOT_FOUND", "this job made no such file; its links name those that it made"
    )


@router.get("/{job_id}/video", response_class=Response, responses=FILE_ANSWERS, summary="The video")
async def video(request: Request, job_id: JobIdPath, api: Api, asker: Asker) -> Response:
    """Read the video, or the part of it that Range asks for."""
    return await _result_file(request, job_id, job_pb2.ARTIFACT_KIND_VIDEO, api, asker)


@router.head(
    "/{job_id}/video", response_class=Response, responses=FILE_ANSWERS, summary="The video's headers"
)
async def video_headers(request: Request, job_id: JobIdPath, api: Api, asker: Asker) -> Response:
    """Read what GET would answer, without the bytes."""
    return await _result_file(request, job_id, job_pb2.ARTIFACT_KIND_VIDEO, api, asker)


@router.get("/{job_id}/thumbnail", response_class=Response, responses=FILE_ANSWERS, summary="A frame, small")
async def thumbnail(request: Request, job_id: JobIdPath, api: Api, asker: Asker) -> Response:
    """Read one frame of the video, small."""
    return await _result_file(request, job_id, job_pb2.ARTIFACT_KIND_THUMBNAIL, api, asker)


@router.get(
    "/{job_id}/preview", response_class=Response, responses=FILE_ANSWERS, summary="A small moving picture"
)
async def preview(request: Request, job_id: JobIdPath, api: Api, asker: Asker) -> Response:
    """Read a small moving picture of the video."""
    return await _result_file(request, job_id, job_pb2.ARTIFACT_KIND_PREVIEW, api, asker)


@router.get("/{job_id}/scenes/{index}", response_class=Response, responses=FILE_ANSWERS, summary="One scene")
async def scene(
    request: Request,
    job_id: JobIdPath,
    index: Annotated[int, Path(ge=0, le=9_999, description="The scene, from 0.")],
    api: Api,
    asker: Asker,
) -> Response:
    """Read one rendered scene; scenes can be read before the job is completed."""
    found = await api.call(api.jobs.GetStoryboard, pb.GetStoryboardRequest(job_id=job_id), asker)
    for rendered in found.scenes:
        if rendered.index == index and rendered.HasField("artifact"):
            return await _file(request, api, asker, rendered.artifact, job_id, index)
    raise ProblemError(404, "ARTIFACT_NOT_FOUND", "there is no such scene, or it is not rendered yet")


async def _file(
    request: Request,
    api: Upstream,
    asker: HttpCaller,
    artifact: job_pb2.Artifact,
    job_id: str,
    index: int = 0,
) -> Response:
    """A file, a part of it, or only its headers."""
    etag = f'"{artifact.sha256}"'
    headers = _file_headers(artifact, etag, f"{job_id}-{index}" if index else job_id)
    if not_modified(request.headers, etag):
        return Response(status_code=304, headers=headers)
    try:
        part = requested_range(request.headers, etag, artifact.size_bytes)
    except RangeNotSatisfiable:
        raise ProblemError(
            416,
            "RANGE_NOT_SATISFIABLE",
            f"the file ends at {artifact.size_bytes} bytes",
            headers={"Content-Range": f"bytes */{artifact.size_bytes}"},
        ) from None
    status = 206 if part else 200
    headers["Content-Length"] = str(part.length if part else artifact.size_bytes)
    if part:
        headers["Content-Range"] = part.content_range
    if request.method == "HEAD":
        return Response(status_code=status, media_type=artifact.media_type, headers=headers)
    bytes_of = _ask(api, asker, artifact, job_id, index, part)
    first = await anext(bytes_of, b"")  # an error of the first read is still answered as a problem
    return StreamingResponse(
        _all(first, bytes_of), status_code=status, media_type=artifact.media_type, headers=headers
    )


def _file_headers(artifact: job_pb2.Artifact, etag: str, name: str) -> dict[str, str]:
    extension = _EXTENSIONS.get(artifact.media_type, "bin")
    return {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'inline; filename="{name}.{extension}"',
    }


async def _ask(
    api: Upstream,
    asker: HttpCaller,
    artifact: job_pb2.Artifact,
    job_id: str,
    index: int,
    part: ByteRange | None,
) -> AsyncIterator[bytes]:
    """The bytes from the api, read only as fast as the client takes them; given up when the client goes."""
    call: UnaryStreamCall[pb.ReadArtifactRequest, pb.ReadArtifactResponse] = api.jobs.ReadArtifact(
        pb.ReadArtifactRequest(
            job_id=job_id,
            kind=artifact.kind,
            scene=index,
            offset=part.first if part else 0,
            limit=part.length if part else 0,
        ),
        metadata=asker.metadata,
    )
    try:
        async for message in call:
            if message.data:
                yield message.data
    finally:
        call.cancel()


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for data in rest:
        yield data
