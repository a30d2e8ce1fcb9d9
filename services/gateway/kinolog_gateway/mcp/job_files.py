"""The files of a job as resources: links to them, and their content."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import aclosing

import mcp_types as types

from kinolog.counts import counted
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.edge.path_aliases import API_PREFIX
from kinolog_gateway.http.edge.public_path import public_path
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.mcp.call import McpCall
from kinolog_gateway.routes.file_stream import messages_of

MAX_FILE_BYTES = 8 * 1024 * 1024
"""Largest file that a resource contains: it is in memory several times, and written as text."""
READS = 4
"""Files that are read at the same time, over all callers."""

KINDS = {"video": job_pb2.ARTIFACT_KIND_VIDEO, "poster": job_pb2.ARTIFACT_KIND_THUMBNAIL}
"""Artifacts by the last part of the address of their resource."""

_reads = asyncio.Semaphore(READS)


def job_uri(job_id: str, part: str = "") -> str:
    """Return the address of the resource that is a job, or a part of it such as `video`."""
    return f"kinolog://jobs/{job_id}/{part}".removesuffix("/")


def file_links(job: job_pb2.Job, base_url: str) -> tuple[types.ResourceLink, ...]:
    """Return links to the video of a completed job and its poster."""
    completed = job.status == job_pb2.STATUS_COMPLETED and not job.erased
    by_kind = {artifact.kind: artifact for artifact in job.artifacts} if completed else {}
    return tuple(
        types.ResourceLink(
            name=f"{job.id}-{name}",
            title=title,
            uri=job_uri(job.id, name),
            description=f"{title}. Over HTTP: {base_url}{file_path(job.id, name)}",
            mime_type=artifact.media_type,
            size=artifact.size_bytes,
        )
        for name, title in (("video", "The rendered video"), ("poster", "One frame of the video as an image"))
        if (artifact := by_kind.get(KINDS[name])) is not None
    )


def file_path(job_id: str, name: str) -> str:
    """Return the path of a file over HTTP, as the caller requests it."""
    return public_path(f"{API_PREFIX}/result/{job_id}/{'thumbnail' if name == 'poster' else name}")


async def read_file(call: McpCall, job_id: str, name: str) -> types.BlobResourceContents:
    """Read a file of a completed job. Raises grpc.aio.AioRpcError and HttpProblemError."""
    result = await call.api.call(call.api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), call.caller)
    artifact = next((one for one in result.artifacts if one.kind == KINDS[name]), None)
    if artifact is None:
        raise HttpProblemError(404, "ARTIFACT_NOT_FOUND", f"this job has no {name}")
    if artifact.size_bytes > MAX_FILE_BYTES:
        url = f"{call.base_url}{file_path(job_id, name)}"
        raise HttpProblemError(
            413,
            "FILE_TOO_LARGE",
            f"the file has {counted(artifact.size_bytes, 'byte')}, more than a resource can hold; read it at {url}",
        )
    request = pb.ReadArtifactRequest(job_id=job_id, kind=artifact.kind)
    content = bytearray()
    async with (
        _reads,
        aclosing(messages_of(call.api.jobs.ReadArtifact(request, metadata=call.caller.metadata))) as parts,
    ):
        async for part in parts:
            content += part.data
    return types.BlobResourceContents(
        uri=job_uri(job_id, name), mime_type=artifact.media_type, blob=b64encode(content).decode("ascii")
    )
