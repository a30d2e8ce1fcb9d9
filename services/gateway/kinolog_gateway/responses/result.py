"""A job's result and manifest."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import StatusName, time_field
from kinolog_gateway.responses.attempts.attempt import AttemptView
from kinolog_gateway.responses.job_parts import (
    ArtifactView,
    JobLinks,
    MediaView,
    ResponseModel,
    job_links,
)


class ResultView(ResponseModel):
    """The result of a completed job: facts and links."""

    job_id: str
    status: StatusName
    completed_at: datetime | None
    gpu_seconds: float = Field(description="Device time spent on it.")
    media: MediaView
    artifacts: list[ArtifactView]
    links: JobLinks


class SpecView(ResponseModel):
    """The request of a job, without the prompts."""

    model: str
    size: str
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int
    style: str | None
    codec: str
    crf: int | None = Field(description="Constant rate factor; null in jobs of earlier versions.")
    upscaler: str | None = Field(
        description="What enlarges the drawn frames, whose size is `size`; null for nothing."
    )
    interpolate_fps: int | None = Field(
        description="Frames per second of the video, if frames between the drawn ones are computed."
    )


class RecordView(ResponseModel):
    """The position and hash of the job's history in the log."""

    commits: int
    events: int
    position: int = Field(description="Position of the last commit.")
    hash: str = Field(
        description="SHA-256 of the last commit, which contains the hash of the commit before it, and so on."
    )


class ManifestView(ResponseModel):
    """The facts to check a video against the log and to render it again. It contains no prompt."""

    job_id: str
    completed_at: datetime | None
    spec: SpecView
    media: MediaView
    artifacts: list[ArtifactView]
    attempts: list[AttemptView]
    record: RecordView


def result_view(job_id: str, result: jobs.GetResultResponse) -> ResultView:
    """Return the result of a completed job."""
    return ResultView(
        job_id=job_id,
        status="completed",
        completed_at=time_field(result, "completed_at"),
        gpu_seconds=result.gpu_seconds,
        media=MediaView.of(result.media),
        artifacts=ArtifactView.all_of(result.artifacts),
        links=job_links(job_id, result.artifacts, completed=True),
    )


def manifest_view(
    job: pb.Job, result: jobs.GetResultResponse, history: audit.GetHistoryResponse
) -> ManifestView:
    """Return the manifest of a completed job."""
    spec, last = job.spec, history.commits[-1]
    return ManifestView(
        job_id=job.id,
        completed_at=time_field(result, "completed_at"),
        spec=SpecView(
            model=spec.model,
            size=f"{spec.width}x{spec.height}",
            frames=spec.frames,
            fps=spec.fps,
            steps=spec.steps,
            guidance=spec.guidance,
            seed=spec.seed,
            style=spec.style or None,
            codec=spec.codec or "h264",
            crf=spec.crf or None,
            upscaler=spec.upscaler or None,
            interpolate_fps=spec.interpolate_fps or None,
        ),
        media=MediaView.of(result.media),
        artifacts=ArtifactView.all_of(result.artifacts),
        attempts=[AttemptView.of(attempt) for attempt in job.attempts],
        record=RecordView(
            commits=len(history.commits), events=last.version, position=last.position, hash=last.hash
        ),
    )
