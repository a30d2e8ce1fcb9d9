"""Routes of videos in the shape of OpenAI's interface: read, list, download, delete."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import grpc
from fastapi import APIRouter, Query, Request
from grpc.aio import AioRpcError
from starlette.responses import Response

from kinolog.ids import new_id
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_export.formats import ExportFormat
from kinolog_gateway.compatibility.known_job import cancelled_job, known_job
from kinolog_gateway.compatibility.submission import identity_of
from kinolog_gateway.enum_names import TERMINAL
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.openai.error_shape import OPENAI_ERRORS, SHOULD_RETRY_HEADER
from kinolog_gateway.openai.video import (
    OpenAiDeletedVideo,
    OpenAiVideo,
    OpenAiVideoList,
    VideoIdPath,
    video_response,
)
from kinolog_gateway.openai.video_page import Order, video_page
from kinolog_gateway.routes.dependencies import Api, Caller, json_response
from kinolog_gateway.routes.exports import export_response
from kinolog_gateway.routes.file_response import FILE_RESPONSES
from kinolog_gateway.routes.results import result_file
from kinolog_gateway.upstream import Upstream

router = APIRouter(prefix="/v1/videos", tags=["openai"], responses=OPENAI_ERRORS)

STOP_SECONDS = 10.0
"""How long the deletion of a video that is being made waits until it is stopped."""

Variant = Literal["video", "thumbnail", "spritesheet"]
_KINDS = {"video": job_pb2.ARTIFACT_KIND_VIDEO, "thumbnail": job_pb2.ARTIFACT_KIND_THUMBNAIL}


@router.get("", response_model=OpenAiVideoList, summary="List videos for the SDKs of OpenAI")
async def list_openai_videos(
    api: Api,
    caller: Caller,
    after: Annotated[str | None, Query(max_length=64, description="Last video of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most videos in the page.")] = 20,
    order: Annotated[Order, Query(description="By the time when they were created: asc or desc.")] = "desc",
) -> Response:
    """List videos. Those that are deleted are left out."""
    last = await known_job(api, caller, after, erased=True) if after else None
    return json_response(await video_page(api, caller, last, limit, order))


@router.get("/{video_id}", response_model=OpenAiVideo, summary="A video for the SDKs of OpenAI")
async def openai_video_status(video_id: VideoIdPath, api: Api, caller: Caller) -> Response:
    """Read a video. The header openai-poll-after-ms says when to ask again, until it is finished."""
    job = await known_job(api, caller, video_id)
    return video_response(job, job.position)


@router.head("/{video_id}/content", response_class=Response, include_in_schema=False)
@router.get(
    "/{video_id}/content",
    response_class=Response,
    responses=FILE_RESPONSES,
    summary="The file of a video for the SDKs of OpenAI",
)
async def openai_video_content(
    request: Request,
    video_id: VideoIdPath,
    api: Api,
    caller: Caller,
    variant: Annotated[
        Variant, Query(description="The video, one frame as a small image, or many frames in one image.")
    ] = "video",
) -> Response:
    """Read the video, or the requested range of it, or an image of it. 409 until it is completed."""
    await known_job(api, caller, video_id)
    if variant == "spritesheet":
        return await export_response(request, video_id, ExportFormat.SPRITE_SHEET, api, caller)
    return await result_file(request, video_id, _KINDS[variant], api, caller)


@router.delete(
    "/{video_id}", response_model=OpenAiDeletedVideo, summary="Delete a video for the SDKs of OpenAI"
)
async def delete_openai_video(request: Request, video_id: VideoIdPath, api: Api, caller: Caller) -> Response:
    """Erase a video and its prompts for good. One that is not finished is cancelled before."""
    is_repeated = bool(identity_of(request.headers).earlier_tries)
    job = await known_job(api, caller, video_id, erased=is_repeated)
    if not job.erased:
        await _erase(api, caller, job)
    return json_response(OpenAiDeletedVideo(id=video_id))


async def _erase(api: Upstream, caller: HttpCaller, job: job_pb2.Job) -> None:
    if job.status not in TERMINAL and (await cancelled_job(api, caller, job)).status not in TERMINAL:
        await _wait_for_end(api, caller, job.id)
    try:
        await api.call(api.jobs.EraseJob, pb.EraseJobRequest(job_id=job.id, request_id=new_id()), caller)
    except AioRpcError as error:
        if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
        raise HttpProblemError(
            409,
            "JOB_NOT_ENDED",
            "the video is being stopped; delete it again in a few seconds",
            headers={"Retry-After": "2", SHOULD_RETRY_HEADER: "true"},
        ) from None


async def _wait_for_end(api: Upstream, caller: HttpCaller, job_id: str) -> None:
    """Wait until a job has ended, for some seconds."""
    watching = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id), metadata=caller.metadata)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            async for change in watching:
                if change.HasField("job") and change.job.status in TERMINAL:
                    return
    except TimeoutError:
        return
    finally:
        watching.cancel()
