"""Jobs, lists of jobs, and storyboards."""

from __future__ import annotations

from kinolog_client.models.base import ClientModel
from kinolog_client.models.job_fields import JobFields

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

    `thumbnail` is always None: the gateway has no image of a single scene.
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
