"""Routes of a job's result: facts, manifest, and files with Range and ETag."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1.ticket_service_pb2 import CreateFileTicketRequest
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.responses.result import ManifestView, ResultView, manifest_view, result_view
from kinolog_gateway.responses.tickets import with_ticket
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, JobIdPath, json_response
from kinolog_gateway.routes.file_response import FILE_RESPONSES, described_file, file_response
from kinolog_gateway.upstream import Upstream

router = APIRouter(prefix="/api/v1/result", tags=["results"], responses=PROBLEMS)


@router.get("/{job_id}", response_model=ResultView, summary="A result's facts and links")
async def result(
    job_id: JobIdPath,
    api: Api,
    caller: Caller,
    signed_links: Annotated[
        bool,
        Query(description="Whether links of files have an access ticket, which reads them for ten minutes."),
    ] = False,
) -> Response:
    """Read the facts of a completed job's result; 409 until it is completed."""
    response = await api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), caller)
    view = result_view(job_id, response)
    if signed_links:
        request = CreateFileTicketRequest(job_id=job_id)
        made = await api.call(api.tickets.CreateFileTicket, request, caller)
        view = view.model_copy(update={"links": with_ticket(view.links, made.ticket)})
    return json_response(view)


@router.get("/{job_id}/manifest", response_model=ManifestView, summary="A result's manifest")
async def manifest(job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read the facts to check the video against the log and to render it again."""
    response, job, history = await asyncio.gather(
        api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), caller),
        api.job(job_id, caller),
        api.call(api.audit.GetHistory, audit.GetHistoryRequest(job_id=job_id), caller),
    )
    return json_response(manifest_view(job, response, history))


async def result_file(
    request: Request, job_id: str, kind: job_pb2.ArtifactKind.ValueType, api: Upstream, caller: HttpCaller
) -> Response:
    """Return the response with a file of a completed job. Raises `HttpProblemError`, `AioRpcError`."""
    if caller.has_ticket:
        return await file_response(
            request, api, caller, await described_file(api, caller, job_id, kind), job_id
        )
    response = await api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), caller)
    for artifact in response.artifacts:
        if artifact.kind == kind:
            return await file_response(request, api, caller, artifact, job_id)
    raise HttpProblemError(
        404, "ARTIFACT_NOT_FOUND", "this job has no such file; its links name the files that it has"
    )


@router.get("/{job_id}/video", response_class=Response, responses=FILE_RESPONSES, summary="The video")
async def video(request: Request, job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read the video, or the requested range of it."""
    return await result_file(request, job_id, job_pb2.ARTIFACT_KIND_VIDEO, api, caller)


@router.head(
    "/{job_id}/video", response_class=Response, responses=FILE_RESPONSES, summary="The video's headers"
)
async def video_headers(request: Request, job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read the headers that GET returns."""
    return await result_file(request, job_id, job_pb2.ARTIFACT_KIND_VIDEO, api, caller)


@router.head("/{job_id}/thumbnail", response_class=Response, include_in_schema=False)
@router.get("/{job_id}/thumbnail", response_class=Response, responses=FILE_RESPONSES, summary="The thumbnail")
async def thumbnail(request: Request, job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read one frame of the video as a small image."""
    return await result_file(request, job_id, job_pb2.ARTIFACT_KIND_THUMBNAIL, api, caller)


@router.head("/{job_id}/preview", response_class=Response, include_in_schema=False)
@router.get("/{job_id}/preview", response_class=Response, responses=FILE_RESPONSES, summary="The preview")
async def preview(request: Request, job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read a small animated image of the video."""
    return await result_file(request, job_id, job_pb2.ARTIFACT_KIND_PREVIEW, api, caller)


SceneIndex = Annotated[int, Path(ge=0, le=9_999, description="The scene, from 0.")]


@router.head("/{job_id}/scenes/{index}", response_class=Response, include_in_schema=False)
@router.get("/{job_id}/scenes/{index}", response_class=Response, responses=FILE_RESPONSES, summary="A scene")
async def scene(request: Request, job_id: JobIdPath, index: SceneIndex, api: Api, caller: Caller) -> Response:
    """Read one rendered scene. Scenes can be read before the job is completed."""
    return await _scene_file(request, job_id, index, job_pb2.ARTIFACT_KIND_SCENE, api, caller)


@router.head("/{job_id}/scenes/{index}/thumbnail", response_class=Response, include_in_schema=False)
@router.get(
    "/{job_id}/scenes/{index}/thumbnail",
    response_class=Response,
    responses=FILE_RESPONSES,
    summary="The thumbnail of a scene",
)
async def scene_thumbnail(
    request: Request, job_id: JobIdPath, index: SceneIndex, api: Api, caller: Caller
) -> Response:
    """Read the middle frame of a scene as a small image, as soon as the scene is rendered."""
    return await _scene_file(request, job_id, index, job_pb2.ARTIFACT_KIND_SCENE_THUMBNAIL, api, caller)


async def _scene_file(
    request: Request,
    job_id: str,
    index: int,
    kind: job_pb2.ArtifactKind.ValueType,
    api: Upstream,
    caller: HttpCaller,
) -> Response:
    """Return the response with a file of a scene. Raises `HttpProblemError`, `AioRpcError`."""
    if caller.has_ticket:
        found = await described_file(api, caller, job_id, kind, index)
        return await file_response(request, api, caller, found, job_id, index)
    field: Literal["artifact", "thumbnail"]
    field = "artifact" if kind == job_pb2.ARTIFACT_KIND_SCENE else "thumbnail"
    storyboard = await api.call(api.jobs.GetStoryboard, pb.GetStoryboardRequest(job_id=job_id), caller)
    for rendered in storyboard.scenes:
        if rendered.index == index and rendered.HasField(field):
            return await file_response(request, api, caller, getattr(rendered, field), job_id, index)
    what = "scene" if kind == job_pb2.ARTIFACT_KIND_SCENE else "scene with a thumbnail"
    raise HttpProblemError(
        404, "ARTIFACT_NOT_FOUND", f"the job has no such {what}, or it is not rendered yet"
    )
