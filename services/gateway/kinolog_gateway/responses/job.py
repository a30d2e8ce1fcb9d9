"""A job in REST responses and WebSocket messages.

A new field of a job is one line in `JobView`, or in `JobDetail` if lists do not show it: its name, its type, and how it
is read from the api's job. Details, lists, command responses, histories and WebSocket messages all use these two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import (
    PriorityName,
    StageName,
    StatusName,
    optional_field,
    priority_name,
    stage_name,
    status_name,
    time_field,
    to_datetime,
)
from kinolog_gateway.responses.attempts.attempt import AttemptView, StepCacheView
from kinolog_gateway.responses.job_parts import (
    ArtifactView,
    ErrorView,
    InputView,
    JobLinks,
    JobLoraView,
    MediaView,
    ResponseModel,
    StageView,
    TimingsView,
    duration_seconds,
    job_links,
)
from kinolog_gateway.responses.reproductions.comparison import ReproductionView


@dataclass(frozen=True, slots=True)
class JobReader:
    """How the value of a field is read from the api's job."""

    read: Callable[[pb.Job], object]


def job_field(read: Callable[[pb.Job], object], description: str | None = None, example: Any = None) -> Any:
    """Return a model field whose value `read` returns from the api's job."""
    field: Any = Field(description=description, examples=None if example is None else [example])
    field.metadata = [*field.metadata, JobReader(read)]
    return field


class JobView(ResponseModel):
    """A job in a list."""

    job_id: str = job_field(
        lambda job: job.id, "26 lower-case letters and digits.", "abcdefghijklmnopqrstuvwxyz"
    )
    status: StatusName = job_field(lambda job: status_name(job.status))
    priority: PriorityName = job_field(lambda job: priority_name(job.priority))
    percent: float = job_field(lambda job: job.percent, "Progress of the whole job, 0 to 100.")
    stage: StageName | None = job_field(lambda job: stage_name(job.stage), "The current or last stage.")
    scene: int | None = job_field(
        lambda job: optional_field(job, "scene"), "The current scene, from 0, if the stage works on scenes."
    )
    scenes: int = job_field(lambda job: job.scene_count, "Number of scenes.")
    attempt: int = job_field(
        lambda job: job.attempt, "The current or last attempt, from 1; 0 before the first."
    )
    worker: str | None = job_field(
        lambda job: job.worker or None, "The worker of the current or last attempt."
    )
    queue_position: int | None = job_field(
        lambda job: optional_field(job, "queue_position"),
        "Jobs of the tenant that start before it if the lanes take turns by weight, 8:4:2:1; 0 is next. An estimate: "
        "a lane that waits for ten minutes has more turns, and other tenants have turns between.",
    )
    eta_seconds: float | None = job_field(
        lambda job: optional_field(job, "eta_seconds"),
        "Estimated seconds until it ends; null before two denoising steps are done.",
    )
    prompt: str | None = job_field(
        lambda job: job.spec.prompt or None, "Description of the video; null once the job is erased."
    )
    negative_prompt: str | None = job_field(lambda job: job.spec.negative_prompt or None)
    model: str = job_field(lambda job: job.spec.model)
    style: str | None = job_field(lambda job: job.spec.style or None)
    size: str = job_field(
        lambda job: f"{job.spec.width}x{job.spec.height}", "Width and height in pixels.", "256x256"
    )
    width: int = job_field(lambda job: job.spec.width)
    height: int = job_field(lambda job: job.spec.height)
    duration: float = job_field(lambda job: duration_seconds(job.spec), "Requested length in seconds.")
    frames: int = job_field(lambda job: job.spec.frames)
    fps: int = job_field(lambda job: job.spec.fps)
    steps: int = job_field(lambda job: job.spec.steps)
    guidance: float = job_field(lambda job: job.spec.guidance)
    seed: int = job_field(lambda job: job.spec.seed)
    cancel_requested: bool = job_field(
        lambda job: job.cancel_requested, "Whether a cancellation was requested."
    )
    erased: bool = job_field(lambda job: job.erased, "Whether its prompts and files are erased.")
    error: ErrorView | None = job_field(ErrorView.of, "Why it failed, if it did.")
    actor: str = job_field(lambda job: job.actor, "Who submitted it.")
    tenant: str = job_field(lambda job: job.tenant, "The tenant that owns it.")
    request_id: str = job_field(lambda job: job.request_id)
    created_at: datetime = job_field(lambda job: to_datetime(job.created_at))
    updated_at: datetime = job_field(lambda job: to_datetime(job.updated_at))
    started_at: datetime | None = job_field(
        lambda job: time_field(job, "started_at"), "Start of its first attempt."
    )
    finished_at: datetime | None = job_field(lambda job: time_field(job, "finished_at"))
    not_before: datetime | None = job_field(
        lambda job: time_field(job, "not_before"),
        "It does not start before this time: that of start_after, or the end of a pause before another attempt.",
    )
    start_after: datetime | None = job_field(
        lambda job: time_field(job, "start_after"),
        "When it was to start at the earliest; null if it was to start at once, and after a retry.",
    )
    start_before: datetime | None = job_field(
        lambda job: time_field(job, "start_before"),
        "It fails if no attempt has started by then; null without such a time, and after a retry.",
    )
    paused_at: datetime | None = job_field(
        lambda job: time_field(job, "paused_at"),
        "When it was paused; null if it is not. It is queued, or its attempt ends at its next step.",
    )
    reproduces: str | None = job_field(
        lambda job: job.reproduces or None, "The completed job that it renders again, if it does."
    )
    variant_of: str | None = job_field(
        lambda job: job.variant_of or None,
        "First job of the request whose variants it and others are, its own id for the first; null for a single job.",
    )
    variant: int | None = job_field(lambda job: job.variant or None, "Its number among the variants, from 1.")
    gpu_seconds: float = job_field(lambda job: job.gpu_seconds, "Device time spent on it.")
    timings: TimingsView = job_field(TimingsView.of)
    version: int = job_field(lambda job: job.version, "Number of events in its history.")
    position: int = job_field(lambda job: job.position, "Position of its last commit in the log.")


class JobDetail(JobView):
    """A job with all its details."""

    codec: str = job_field(lambda job: job.spec.codec or "h264", "Codec of the video.", "h264")
    crf: int | None = job_field(
        lambda job: job.spec.crf or None,
        "Constant rate factor of the codec; null in jobs of earlier versions, which have the usual one.",
    )
    title: str | None = job_field(
        lambda job: job.spec.title or None, "Title in its file; null without one, and once the job is erased."
    )
    stages: list[StageView] = job_field(
        lambda job: [StageView.of(stage) for stage in job.stages],
        "The stages of the current or last attempt, in order.",
    )
    attempts: list[AttemptView] = job_field(lambda job: [AttemptView.of(attempt) for attempt in job.attempts])
    inputs: list[InputView] = job_field(InputView.all_of, "What it starts from, in the order of the request.")
    artifacts: list[ArtifactView] = job_field(lambda job: ArtifactView.all_of(job.artifacts))
    chained: bool = job_field(
        lambda job: job.spec.chained, "Whether each scene goes on from the end of the one before."
    )
    upscaler: str | None = job_field(
        lambda job: job.spec.upscaler or None, "Upscaler that enlarges the drawn frames, if one does."
    )
    loras: list[JobLoraView] = job_field(
        lambda job: JobLoraView.all_of(job.spec.loras), "Its LoRAs, each with its weight."
    )
    profile: str = job_field(
        lambda job: job.spec.profile or "exact",
        "The profile that filled in steps, guidance and LoRAs.",
        "exact",
    )
    sigmas: list[float] = job_field(
        lambda job: list(job.spec.sigmas),
        "Noise levels of the steps, from the noisiest on; empty for those that the scheduler makes.",
    )
    flow_shift: float | None = job_field(
        lambda job: job.spec.flow_shift or None, "Shift of the noise levels; null for that of the model."
    )
    cache: StepCacheView | None = job_field(
        lambda job: StepCacheView.of(job.spec),
        "What is left out of steps that change little; null for nothing.",
    )
    interpolate_fps: int | None = job_field(
        lambda job: job.spec.interpolate_fps or None,
        "Frames per second of the video, if frames between the drawn ones are computed.",
    )
    prompt_writer: str | None = job_field(
        lambda job: job.spec.prompt_writer or None,
        "Language model that wrote the prompts of the scenes, if one did.",
    )
    prompt_writer_trouble: str | None = job_field(
        lambda job: job.spec.prompt_writer_trouble or None,
        "Why none wrote them although the request asked for it: the prompt was used as it is.",
    )
    media: MediaView | None = job_field(
        lambda job: MediaView.of(job.media) if job.HasField("media") else None,
        "Facts of the finished video.",
    )
    reproduction: ReproductionView | None = job_field(
        ReproductionView.of, "How its video compares with that of the job that it reproduces."
    )
    links: JobLinks = job_field(
        lambda job: job_links(
            job.id, job.artifacts, completed=job.status == pb.STATUS_COMPLETED and not job.erased
        )
    )


ViewT = TypeVar("ViewT", bound=JobView)


@cache
def _readers(model: type[JobView]) -> dict[str, Callable[[pb.Job], object]]:
    return {
        name: reader.read
        for name, field in model.model_fields.items()
        for reader in field.metadata
        if isinstance(reader, JobReader)
    }


def _view(model: type[ViewT], job: pb.Job) -> ViewT:
    return model.model_validate({name: read_field(job) for name, read_field in _readers(model).items()})


def job_view(job: pb.Job) -> JobView:
    """Return a job for a list."""
    return _view(JobView, job)


def job_detail(job: pb.Job) -> JobDetail:
    """Return a job with all its details."""
    return _view(JobDetail, job)
