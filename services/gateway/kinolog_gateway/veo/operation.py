"""Jobs as operations of Google's interface. The video of a completed one is in the answer, in base64."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from pydantic import Field
from starlette.responses import Response, StreamingResponse

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.compatibility.known_job import failure
from kinolog_gateway.enum_names import TERMINAL
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.responses.job_parts import ResponseModel
from kinolog_gateway.routes.dependencies import json_response
from kinolog_gateway.routes.file_stream import messages_of
from kinolog_gateway.upstream import Upstream

CANCELLED = 1
INTERNAL = 13
"""Codes of google.rpc for jobs that were cancelled, and for those that failed."""


class VeoOperation(ResponseModel):
    """A video, finished or not."""

    name: str = Field(description="Names the model and the job.")
    done: bool = Field(description="Whether it has ended.")
    metadata: dict[str, Any] = Field(description="progressPercent.")
    error: dict[str, Any] | None = Field(None, description="code and message, if it failed or was cancelled.")
    response: dict[str, Any] | None = Field(
        None, description="videos: one, with bytesBase64Encoded and mimeType, if it is completed."
    )


async def operation_response(api: Upstream, caller: HttpCaller, job: job_pb2.Job, name: str) -> Response:
    """Return the response with an operation. Raises `AioRpcError` if the video cannot be read."""
    operation = VeoOperation(
        name=name,
        done=job.status in TERMINAL,
        metadata={"progressPercent": int(job.percent)},
        error=_error(job),
    )
    if job.status != job_pb2.STATUS_COMPLETED:
        return json_response(operation, position=job.position)
    request = pb.ReadArtifactRequest(job_id=job.id, kind=job_pb2.ARTIFACT_KIND_VIDEO)
    messages = messages_of(api.jobs.ReadArtifact(request, metadata=caller.metadata))
    first = await anext(messages, None)  # an error of the first read still becomes an error of the response
    head = json.dumps(operation.model_dump(exclude_none=True))[:-1]
    content = _with_video(head, first.data if first else b"", messages)
    return StreamingResponse(content, media_type="application/json", headers={"Cache-Control": "no-store"})


def _error(job: job_pb2.Job) -> dict[str, Any] | None:
    error = failure(job)
    code = CANCELLED if job.status == job_pb2.STATUS_CANCELLED else INTERNAL
    return None if error is None else {"code": code, "message": error.message}


async def _with_video(
    head: str, first: bytes, messages: AsyncGenerator[pb.ReadArtifactResponse, None]
) -> AsyncIterator[bytes]:
    """Yield the operation with the video in it while the video is read."""
    yield f'{head}, "response": {{"videos": [{{"mimeType": "video/mp4", "bytesBase64Encoded": "'.encode()
    rest = first
    async with aclosing(messages):
        async for message in messages:
            rest += message.data
            whole = len(rest) - len(rest) % 3
            yield b64encode(rest[:whole])
            rest = rest[whole:]
    yield b64encode(rest) + b'"}]}}'
