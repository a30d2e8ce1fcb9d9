"""Files of jobs as uploads, which other jobs can start from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.requests.input_upload import uploaded
from kinolog_gateway.routes.file_stream import messages_of
from kinolog_gateway.upstream import Upstream


async def copied_video(api: Upstream, caller: HttpCaller, job_id: str) -> pb.Upload:
    """Upload the video of a job. Raises `AioRpcError` if it has none."""
    request = pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_VIDEO)
    return await _copied(api, caller, request)


async def copied_inputs(api: Upstream, caller: HttpCaller, job: job_pb2.Job) -> list[pb.InputReference]:
    """Upload what a job started from, for another one. Raises `AioRpcError`."""
    inputs: list[pb.InputReference] = []
    for index, given in enumerate(job.inputs):
        request = pb.ReadArtifactRequest(job_id=job.id, kind=job_pb2.ARTIFACT_KIND_INPUT, input=index)
        upload = await _copied(api, caller, request)
        inputs.append(pb.InputReference(role=given.role, upload_id=upload.id))
    return inputs


async def _copied(api: Upstream, caller: HttpCaller, request: pb.ReadArtifactRequest) -> pb.Upload:
    async def pieces() -> AsyncIterator[bytes]:
        call = api.jobs.ReadArtifact(request, metadata=caller.metadata)
        async with aclosing(messages_of(call)) as messages:
            async for message in messages:
                yield message.data

    return await uploaded(pieces(), api, caller)
