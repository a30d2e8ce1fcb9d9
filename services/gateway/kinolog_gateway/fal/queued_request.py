"""Jobs as requests in a queue of fal's interface."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.compatibility.known_job import failure
from kinolog_gateway.compatibility.public_links import public_url, video_url
from kinolog_gateway.enum_names import StatusName, log_level_name, status_name, to_datetime
from kinolog_gateway.http.edge.browser_credentials import signed_path
from kinolog_gateway.responses.job_parts import ResponseModel

PREFIX = "/fal"

FalStatusName = Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]

_STATUSES: dict[StatusName, FalStatusName] = {"queued": "IN_QUEUE", "processing": "IN_PROGRESS"}


class FalRequest(ResponseModel):
    """A video, finished or not."""

    status: FalStatusName = Field(description="COMPLETED also if it failed or was cancelled.")
    request_id: str = Field(description="The job: 26 lower-case letters and digits.")
    response_url: str
    status_url: str
    cancel_url: str
    queue_position: int = Field(description="Jobs of the caller that start before it; 0 once it has started.")
    logs: list[dict[str, Any]] | None = Field(description="Log lines, if they were asked for.")
    metrics: dict[str, float] = Field(description="inference_time: device time in seconds.")
    error: str | None = Field(description="Why it failed or that it was cancelled.")
    error_type: str | None = Field(description="A code for programs.")


class FalFile(ResponseModel):
    """A file of a result."""

    url: str = Field(description="Its address. With a key it has a ticket, which reads it for ten minutes.")
    content_type: str
    file_name: str
    file_size: int = Field(description="Bytes.")


class FalResult(ResponseModel):
    """A completed video."""

    video: FalFile
    prompt: str
    seed: int


def fal_request(
    request: Request, app: str, job: pb.Job, lines: list[pb.LogEntry] | None = None
) -> FalRequest:
    """Return a job as a request. `lines` are its log lines, if they were asked for."""
    url = public_url(request, f"{PREFIX}/{app}/requests/{job.id}")
    status = status_name(job.status)
    error = failure(job) or pb.JobError()
    return FalRequest(
        status=_STATUSES.get(status, "COMPLETED"),
        request_id=job.id,
        response_url=url,
        status_url=f"{url}/status",
        cancel_url=f"{url}/cancel",
        queue_position=job.queue_position,
        logs=None if lines is None else [_line(line) for line in lines],
        metrics={"inference_time": job.gpu_seconds} if status == "completed" else {},
        error=error.message or None,
        error_type=error.code.lower() or None,
    )


def fal_result(request: Request, job: pb.Job, found: jobs.GetResultResponse, ticket: str) -> FalResult:
    """Return a completed job as a result, with a link that the ticket opens, if there is one."""
    video = next(artifact for artifact in found.artifacts if artifact.kind == pb.ARTIFACT_KIND_VIDEO)
    url = video_url(request, job) or ""
    file = FalFile(
        url=signed_path(url, ticket) if ticket else url,
        content_type=video.media_type,
        file_name=f"{job.id}.mp4",
        file_size=video.size_bytes,
    )
    return FalResult(video=file, prompt=job.spec.prompt, seed=job.spec.seed)


def _line(line: pb.LogEntry) -> dict[str, Any]:
    return {
        "message": line.message,
        "level": log_level_name(line.level).upper(),
        "timestamp": to_datetime(line.at).isoformat(),
    }
