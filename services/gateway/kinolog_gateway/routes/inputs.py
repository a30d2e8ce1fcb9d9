"""Routes of pictures and clips that jobs start from: upload, and download of those of a job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from grpc.aio import AioRpcError
from starlette.responses import Response

from kinolog.v1 import job_pb2
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.http.multipart_file import MultipartFile
from kinolog_gateway.http.openapi import described_body
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.requests.input_upload import drain, uploaded
from kinolog_gateway.responses.upload import UploadView
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, JobIdPath, json_response
from kinolog_gateway.routes.file_response import FILE_RESPONSES, described_file, file_response

router = APIRouter(prefix="/api/v1/inputs", tags=["inputs"], responses=PROBLEMS)

_BODY = described_body(
    {
        "multipart/form-data": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {
                    "type": "string",
                    "format": "binary",
                    "description": "A PNG, JPEG or WebP picture, or an MP4 or WebM clip. Its name is ignored.",
                }
            },
        }
    }
)


@router.post(
    "",
    status_code=201,
    response_model=UploadView,
    openapi_extra=_BODY,
    summary="Upload a picture or clip",
)
async def upload_input(request: Request, api: Api, caller: Caller) -> Response:
    """Upload a picture or clip that jobs can start from. The same file is one upload, however often it is sent."""
    body = aiter(request.stream())
    try:
        file = MultipartFile(request.headers.get("content-type", ""))
        upload = await uploaded(file.pieces(body), api, caller)
    except (HttpProblemError, AioRpcError) as error:
        await drain(body)
        problem = grpc_errors.refusal(error)
        problem.headers["Connection"] = "close"
        raise problem from None
    return json_response(UploadView.of(upload), status=201)


@router.head("/{job_id}/{index}", response_class=Response, include_in_schema=False)
@router.get(
    "/{job_id}/{index}", response_class=Response, responses=FILE_RESPONSES, summary="An input of a job"
)
async def job_input(
    request: Request,
    job_id: JobIdPath,
    index: Annotated[int, Path(ge=0, le=99, description="The input, from 0.")],
    api: Api,
    caller: Caller,
) -> Response:
    """Read a picture or clip that a job starts from, until the job is erased."""
    if caller.has_ticket:
        described = await described_file(api, caller, job_id, job_pb2.ARTIFACT_KIND_INPUT, index)
        return await file_response(request, api, caller, described, job_id, index)
    job = await api.job(job_id, caller)
    if index >= len(job.inputs):
        raise HttpProblemError(
            404, "ARTIFACT_NOT_FOUND", "the job has no such input; the job itself lists those that it has"
        )
    found = job.inputs[index]
    artifact = job_pb2.Artifact(
        kind=job_pb2.ARTIFACT_KIND_INPUT,
        sha256=found.sha256,
        size_bytes=found.size_bytes,
        media_type=found.media_type,
    )
    return await file_response(request, api, caller, artifact, job_id, index)
