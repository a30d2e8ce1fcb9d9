"""Jobs as videos of OpenAI's interface."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from kinolog.ids import JOB_ID_PATTERN
from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.compatibility.known_job import failure
from kinolog_gateway.enum_names import StatusName, optional_field, status_name
from kinolog_gateway.responses.job_parts import ResponseModel
from kinolog_gateway.routes.dependencies import json_response

VideoIdPath: TypeAlias = Annotated[
    str,
    Path(description="The video: 26 lower-case letters and digits.", examples=["abcdefghijklmnopqrstuvwxyz"]),
]

POLL_HEADER = "openai-poll-after-ms"
POLL_MILLISECONDS = 1000
"""What the header says: the SDK asks again after that time."""

REMIX_BEGINNING = "remix:"
_REMIX_ID = re.compile(rf"{REMIX_BEGINNING}({JOB_ID_PATTERN}):")
"""What the request id of a remix begins with. It names the video whose settings it has."""

VideoStatusName = Literal["queued", "in_progress", "completed", "failed"]

_STATUSES: dict[StatusName, VideoStatusName] = {
    "queued": "queued",
    "processing": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "failed",
}


class OpenAiVideoError(ResponseModel):
    """Why a video failed."""

    code: str = Field(description="A code for programs, in lower case; cancelled if it was cancelled.")
    message: str = Field(description="A sentence for people: what is wrong and what to do.")


class OpenAiVideo(ResponseModel):
    """A video, finished or not."""

    id: str = Field(description="The job: 26 lower-case letters and digits.")
    object: Literal["video"] = "video"
    model: str = Field(description="Name of a model in GET /v1/models.")
    status: VideoStatusName = Field(description="A cancelled video has failed.")
    progress: int = Field(ge=0, le=100, description="Percent; 100 is a completed video.")
    created_at: int = Field(description="Seconds since 1970.")
    completed_at: int | None = Field(description="Seconds since 1970; null until it is completed.")
    expires_at: int | None = Field(None, description="Always null: videos stay until they are deleted.")
    seconds: str = Field(description="Length in seconds.", examples=["4"])
    size: str = Field(description="Width and height in pixels.", examples=["832x480"])
    prompt: str | None = Field(description="Description of the video.")
    remixed_from_video_id: str | None = Field(description="The video that it is a remix of.")
    error: OpenAiVideoError | None = Field(description="Why it failed, if it did.")
    kinolog_status: StatusName = Field(description="The status in kinolog, which knows cancelled jobs.")
    queue_position: int | None = Field(
        description="Jobs of the caller that start before it; null once it has started."
    )
    eta_seconds: float | None = Field(description="Estimated seconds until it ends, if they are known.")


class OpenAiVideoList(ResponseModel):
    """A page of videos."""

    object: Literal["list"] = "list"
    data: list[OpenAiVideo]
    first_id: str | None
    last_id: str | None = Field(description="The next page is the one after this video.")
    has_more: bool = Field(description="Whether there is a next page.")


class OpenAiDeletedVideo(ResponseModel):
    """A video that was deleted."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


def openai_video(job: pb.Job) -> OpenAiVideo:
    """Return a job as a video."""
    status = status_name(job.status)
    is_completed = status == "completed"
    width, height = (job.media.width, job.media.height) if is_completed else (0, 0)
    remix = _REMIX_ID.match(job.request_id)
    return OpenAiVideo(
        id=job.id,
        model=job.spec.model,
        status=_STATUSES[status],
        progress=100 if is_completed else min(99, int(job.percent)),
        created_at=job.created_at.seconds,
        completed_at=job.finished_at.seconds if is_completed else None,
        seconds=f"{round(job.spec.frames / max(1, job.spec.fps), 3):g}",
        size=f"{width or job.spec.width}x{height or job.spec.height}",
        prompt=job.spec.prompt or None,
        remixed_from_video_id=remix[1] if remix else None,
        error=_error(job),
        kinolog_status=status,
        queue_position=optional_field(job, "queue_position"),
        eta_seconds=optional_field(job, "eta_seconds"),
    )


def _error(job: pb.Job) -> OpenAiVideoError | None:
    error = failure(job)
    if error is None:
        return None
    return OpenAiVideoError(code=error.code.lower() or "failed", message=error.message)


def video_response(job: pb.Job, position: int) -> Response:
    """Return the response with a video. One that is not finished says when to ask again."""
    video = openai_video(job)
    is_pending = video.status in ("queued", "in_progress")
    headers = {POLL_HEADER: str(POLL_MILLISECONDS)} if is_pending else {}
    return json_response(video, position=position, headers=headers)
