"""Responses with files of jobs: ranges, tags and headers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from kinolog.counts import counted
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import artifact_kind_name
from kinolog_gateway.http.byte_ranges import ByteRange, RangeNotSatisfiable, not_modified, requested_range
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.routes.file_stream import messages_of
from kinolog_gateway.upstream import Upstream

_EXTENSIONS = {
    "video/mp4": "mp4",
    "image/webp": "webp",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "video/webm": "webm",
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


async def file_response(
    request: Request,
    api: Upstream,
    caller: HttpCaller,
    artifact: job_pb2.Artifact,
    job_id: str,
    index: int | None = None,
) -> Response:
    """Return the response with a file, a range of it, or only its headers. `index` is that of a scene or an input.

    Headers are those of GET: a file that GET cannot read is the same problem here.
    """
    etag = f'"{artifact.sha256}"'
    name = job_id if index is None else f"{job_id}-{artifact_kind_name(artifact.kind)}-{index}"
    headers = _file_headers(artifact, etag, name=name)
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
        await anext(_read_artifact(api, caller, artifact, job_id, index or 0, end), b"")
        return Response(status_code=status, media_type=artifact.media_type, headers=headers)
    chunks = _read_artifact(api, caller, artifact, job_id, index or 0, byte_range)
    first = await anext(chunks, b"")  # an error of the first read still becomes a problem
    return StreamingResponse(
        _chain(first, chunks), status_code=status, media_type=artifact.media_type, headers=headers
    )


async def described_file(
    api: Upstream, caller: HttpCaller, job_id: str, kind: job_pb2.ArtifactKind.ValueType, index: int = 0
) -> job_pb2.Artifact:
    """Return the description of a file, for a caller whose ticket reads nothing else of the job."""
    request = _artifact_request(job_id, kind, index)
    request.limit = 1
    async with aclosing(messages_of(api.jobs.ReadArtifact(request, metadata=caller.metadata))) as messages:
        async for message in messages:
            return message.artifact
    raise HttpProblemError(404, "ARTIFACT_NOT_FOUND", "the job has no such file")


_OF_A_SCENE = (job_pb2.ARTIFACT_KIND_SCENE, job_pb2.ARTIFACT_KIND_SCENE_THUMBNAIL)


def _artifact_request(
    job_id: str, kind: job_pb2.ArtifactKind.ValueType, index: int
) -> pb.ReadArtifactRequest:
    return pb.ReadArtifactRequest(
        job_id=job_id,
        kind=kind,
        scene=index if kind in _OF_A_SCENE else 0,
        input=index if kind == job_pb2.ARTIFACT_KIND_INPUT else 0,
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
    request = _artifact_request(job_id, artifact.kind, index)
    if byte_range is not None:
        request.offset, request.limit = byte_range.first, byte_range.length
    call = api.jobs.ReadArtifact(request, metadata=caller.metadata)
    async with aclosing(messages_of(call)) as messages:
        async for message in messages:
            if message.data:
                yield message.data


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for data in rest:
        yield data
