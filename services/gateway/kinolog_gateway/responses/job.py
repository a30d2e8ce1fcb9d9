"""A job as REST and WebSocket show it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import (
    PriorityWord,
    StageWord,
    StatusWord,
    instant,
    moment,
    optional,
    priority_name,
    stage_name,
    status_name,
)
from kinolog_gateway.responses.job_parts import (
    ArtifactView,
    AttemptView,
    ErrorView,
    MediaView,
    StageView,
    TimingsView,
    running_scene,
)


class JobLinks(BaseModel):
    """Where more about a job is; null where there is nothing (yet)."""

    model_config = ConfigDict(frozen=True)

    status: str = Field(description="The job itself.")
    storyboard: str
    events: str = Field(description="Its history.")
    logs: str
    result: str | None = Field(description="The result's facts, once the job is completed.")
    video: str | None
    thumbnail: str | None
    preview: str | None
    manifest: str | None


def links(job_id: str, artifacts: frozenset[str], completed: bool) -> JobLinks:
    """Links of a job that has these kinds of artifacts."""
    result = f"/mcp/result/{job_id}"

    def of_kind(kind: str) -> str | None:
        return f"{result}/{kind}" if completed and kind in artifacts else None

    return JobLinks(
        status=f"/mcp/status/{job_id}",
        storyboard=f"/mcp/storyboard/{job_id}",
        events=f"/mcp/events/{job_id}",
        logs=f"/mcp/logs/{job_id}",
        result=result if completed else None,
        video=of_kind("video"),
        thumbnail=of_kind("thumbnail"),
        preview=of_kind("preview"),
        manifest=f"{result}/manifest" if completed else None,
    )


class JobView(BaseModel):
    """A job in a list."""

    model_config = ConfigDict(frozen=True)

    job_id: str = Field(
        description="26 lower-case letters and digits.", examples=["abcdefghijklmnopqrstuvwxyz"]
    )
    status: StatusWord
    priority: PriorityWord
    percent: float = Field(description="How far the whole job is, 0 to 100.")
    stage: StageWord | None = Field(description="The stage it is in, or was in last.")
    scene: int | None = Field(description="The scene it is in, from 0, where the stage works on scenes.")
    scenes: int = Field(description="How many scenes it has; 0 where lists do not say.")
    attempt: int = Field(description="The current or last attempt, from 1; 0 before the first.")
    worker: str | None = Field(description="The worker that holds it, or held it last.")
    queue_position: int | None = Field(description="Jobs before it in the queue; 0 is next.")
    eta_seconds: float | None = Field(description="Seconds until it ends, as far as can be told.")
    prompt: str | None = Field(description="What the video shall show; null once the job is erased.")
    negative_prompt: str | None
    model: str
    style: str | None
    size: str = Field(description="Width and height in pixels.", examples=["256x256"])
    width: int
    height: int
    duration: float = Field(description="Length that was asked for, in seconds.")
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int
    cancel_requested: bool = Field(description="Whether somebody asked to cancel it.")
    erased: bool = Field(description="Whether its prompts and files are erased.")
    error: ErrorView | None = Field(description="Why it failed, if it did.")
    actor: str = Field(description="Who asked for it.")
    tenant: str = Field(description="Who it belongs to.")
    request_id: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = Field(description="When its first attempt started.")
    finished_at: datetime | None
    not_before: datetime | None = Field(description="It does not start before this time.")
    gpu_seconds: float = Field(description="Device time spent on it.")
    version: int = Field(description="Number of events in its history.")
    position: int = Field(description="Position of its last commit in the log.")


class JobDetail(JobView):
    """A job with everything that is known of it."""

    stages: list[StageView] = Field(description="The stages of the current or last attempt, in order.")
    attempts: list[AttemptView]
    artifacts: list[ArtifactView]
    media: MediaView | None = Field(description="Facts of the finished video.")
    timings: TimingsView
    links: JobLinks


def _fields(job: pb.Job) -> dict[str, object]:
    spec = job.spec
    return {
        "job_id": job.id,
        "status": status_name(job.status),
        "priority": priority_name(job.priority),
        "percent": job.percent,
        "stage": stage_name(job.stage),
        "scene": running_scene(job),
        "scenes": len(job.scenes),
        "attempt": job.attempt,
        "worker": job.worker or None,
        "queue_position": optional(job, "queue_position"),
        "eta_seconds": optional(job, "eta_seconds"),
        "prompt": spec.prompt or None,
        "negative_prompt": spec.negative_prompt or None,
        "model": spec.model,
        "style": spec.style or None,
        "size": f"{spec.width}x{spec.height}",
        "width": spec.width,
        "height": spec.height,
        "duration": spec.frames / spec.fps if spec.fps else 0.0,
        "frames": spec.frames,
        "fps": spec.fps,
        "steps": spec.steps,
        "guidance": spec.guidance,
        "seed": spec.seed,
        "cancel_requested": job.cancel_requested,
        "erased": job.erased,
        "error": ErrorView.of(job) if job.HasField("error") else None,
        "actor": job.actor,
        "tenant": job.tenant,
        "request_id": job.request_id,
        "created_at": moment(job.created_at),
        "updated_at": moment(job.updated_at),
        "started_at": instant(job, "started_at"),
        "finished_at": instant(job, "finished_at"),
        "not_before": instant(job, "not_before"),
        "gpu_seconds": job.gpu_seconds,
        "version": job.version,
        "position": job.position,
    }


def job_view(job: pb.Job) -> JobView:
    """A job for a list."""
    return JobView.model_validate(_fields(job))


def job_detail(job: pb.Job) -> JobDetail:
    """A job with everything that is known of it."""
    artifacts = [ArtifactView.of(artifact) for artifact in job.artifacts]
    completed = job.status == pb.STATUS_COMPLETED and not job.erased
    return JobDetail.model_validate(
        _fields(job)
        | {
            "stages": [StageView.of(stage) for stage in job.stages],
            "attempts": [AttemptView.of(attempt) for attempt in job.attempts],
            "artifacts": artifacts,
            "media": MediaView.of(job.media) if job.HasField("media") else None,
            "timings": TimingsView.of(job),
            "links": links(job.id, frozenset(artifact.kind for artifact in artifacts), completed),
        }
    )
