"""Jobs, lists of jobs, storyboards, plans, and schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from kinolog_client.models.base import ClientModel
from kinolog_client.models.job_fields import JobFields
from kinolog_client.models.job_parts import JobLoraInfo

TERMINAL = frozenset({"completed", "failed", "cancelled"})
"""Statuses of a job that has ended. Only a retry changes them."""
STATUSES = ("queued", "processing", "completed", "failed", "cancelled")
PRIORITIES = ("critical", "high", "medium", "low")
STAGES = (
    "storyboard",
    "prefetch",
    "encode_prompt",
    "denoise",
    "decode",
    "postprocess",
    "assemble",
    "sign",
    "store",
)


class JobInfo(JobFields):
    """A job: the fields of the gateway's answer, and what follows from them."""

    @property
    def run_seconds(self) -> float | None:
        """How long its attempts ran together. From a gateway that does not say it, from first start to end."""
        if self.timings.run_seconds is not None or self.started_at is None or self.finished_at is None:
            return self.timings.run_seconds
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def ended(self) -> bool:
        """Whether the job is completed, failed or cancelled."""
        return self.status in TERMINAL


class JobCountsInfo(ClientModel):
    """Numbers of jobs by status."""

    total: int = 0
    queued: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class JobPageInfo(ClientModel):
    """A page of jobs, and the counts of all jobs that the filter finds, whatever their status.

    `next_cursor` is None on the last page. The page holds every commit up to `position`.
    """

    jobs: tuple[JobInfo, ...]
    summary: JobCountsInfo
    limit: int
    offset: int = 0
    total: int | None = None
    next_cursor: str | None = None
    position: int = 0


class SceneInfo(ClientModel):
    """A part of a video with a prompt of its own. `index` counts from 0; `video` is None until it is rendered.

    `thumbnail` shows its middle frame: None until it is rendered, and in jobs of earlier versions.
    """

    index: int
    prompt: str | None
    start_seconds: float
    duration_seconds: float
    frames: int
    camera: str
    transition: str
    seed: int = 0
    status: str = "queued"
    video: str | None = None
    thumbnail: str | None = None


class StoryboardInfo(ClientModel):
    """The scenes of a job. `duration_seconds` is the length of all scenes."""

    job_id: str
    duration_seconds: float
    scenes: tuple[SceneInfo, ...]


class ReplacedWordInfo(ClientModel):
    """A word that the model does not know, and the one that it reads instead."""

    word: str
    known: str


class ScenePlanInfo(ClientModel):
    """A scene of a job that is not submitted. `index` counts from 0; `seed` is None in a job that draws its seed.

    The model does not know the `ignored_words` and leaves them out.
    """

    index: int
    prompt: str
    start_seconds: float
    duration_seconds: float
    frames: int
    camera: str
    transition: str
    seed: int | None = None
    ignored_words: tuple[str, ...] = ()
    replaced_words: tuple[ReplacedWordInfo, ...] = ()


class JobPlanInfo(ClientModel):
    """What a job would be, with everything that its model fills in. `seed` is None if one would be drawn.

    With `writes_prompts` a language model writes the prompts when the job is submitted: these scenes are those without
    it. `estimated_seconds` is None without a past job of about this size. `cost` counts millions of pixels x frames x
    steps of one job. `total_cost` and `total_estimated_seconds` are of all `variants`, one after the other.
    """

    model: str
    priority: str
    style: str | None = None
    negative_prompt: str | None = None
    size: str
    duration_seconds: float
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int | None = None
    profile: str = "exact"
    loras: tuple[JobLoraInfo, ...] = ()
    chained: bool = False
    upscaler: str | None = None
    interpolate_fps: int | None = None
    codec: str = ""
    crf: int = 0
    scenes: tuple[ScenePlanInfo, ...]
    writes_prompts: bool = False
    estimated_seconds: float | None = None
    estimated_from_jobs: int = 0
    cost: int = 0
    variants: int = 1
    total_cost: int = 0
    total_estimated_seconds: float | None = None


class ScheduleInfo(ClientModel):
    """A schedule that submits `job`, a body of POST /api/v1/generate, at the times of `cron` in `zone`.

    `next_run_at` is None while it is paused. `problem` is why its last run made no job.
    """

    schedule_id: str
    tenant: str = ""
    name: str | None = None
    cron: str
    zone: str = "UTC"
    catch_up: bool = False
    job: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime | None = None
    created_by: str = ""
    paused_at: datetime | None = None
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    last_job_id: str | None = None
    problem: str = ""


class ScheduleListInfo(ClientModel):
    """The schedules of a tenant, oldest first."""

    schedules: tuple[ScheduleInfo, ...] = ()


class DeletedScheduleInfo(ClientModel):
    """A schedule that is deleted."""

    schedule_id: str


class QueuePauseInfo(ClientModel):
    """A pause of the queue that stands. `priority` is None for the whole queue."""

    priority: str | None = None
    paused_at: datetime
    reason: str = ""
    paused_by: str = ""


class QueuePauseListInfo(ClientModel):
    """The pauses of the queue that stand: that of the whole queue first."""

    pauses: tuple[QueuePauseInfo, ...] = ()
