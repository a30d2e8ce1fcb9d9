"""What the gateway answers, as far as the dashboard shows it. Facts it does not know are passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

TERMINAL = frozenset({"completed", "failed", "cancelled"})
"""Statuses after which nothing happens unless somebody asks for it."""
STATUSES = ("queued", "processing", "completed", "failed", "cancelled")
PRIORITIES = ("critical", "high", "medium", "low")
STAGES = ("storyboard", "prefetch", "encode_prompt", "denoise", "decode", "assemble", "sign", "store")


class ClientModel(BaseModel):
    """A piece of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ErrorInfo(ClientModel):
    """Why a job or an attempt failed."""

    code: str
    message: str
    retryable: bool = False


class StageInfo(ClientModel):
    """How far a stage is; `seconds` is None while it runs, `scene` counts from 0."""

    stage: str | None
    scene: int | None = None
    percent: float = 0.0
    started_at: datetime | None = None
    seconds: float | None = None


class AttemptInfo(ClientModel):
    """One try at a job by one worker."""

    number: int
    worker: str
    hardware: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: ErrorInfo | None = None


class ArtifactInfo(ClientModel):
    """A file that a job made."""

    kind: str
    sha256: str
    size_bytes: int
    media_type: str


class MediaInfo(ClientModel):
    """Facts of a finished video."""

    width: int
    height: int
    frames: int
    fps: float
    duration: float
    codec: str
    pixel_format: str
    frame_hash: str


class TimingsInfo(ClientModel):
    """How long a job took, in seconds; None for what has not ended."""

    wait_seconds: float | None = None
    run_seconds: float | None = None
    total_seconds: float | None = None


class LinksInfo(ClientModel):
    """Where more about a job is; None where there is nothing."""

    video: str | None = None
    thumbnail: str | None = None
    preview: str | None = None
    manifest: str | None = None


class JobInfo(ClientModel):
    """A job; what only the answer about one job tells is empty in lists."""

    job_id: str
    status: str
    priority: str
    percent: float = 0.0
    stage: str | None = None
    scene: int | None = None
    scenes: int = 0
    attempt: int = 0
    worker: str | None = None
    queue_position: int | None = None
    eta_seconds: float | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    model: str = ""
    style: str | None = None
    size: str = ""
    width: int = 0
    height: int = 0
    duration: float = 0.0
    frames: int = 0
    fps: int = 0
    steps: int = 0
    guidance: float = 0.0
    seed: int = 0
    cancel_requested: bool = False
    erased: bool = False
    error: ErrorInfo | None = None
    actor: str = ""
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    gpu_seconds: float = 0.0
    version: int = 0
    position: int = 0
    stages: tuple[StageInfo, ...] = ()
    attempts: tuple[AttemptInfo, ...] = ()
    artifacts: tuple[ArtifactInfo, ...] = ()
    media: MediaInfo | None = None
    timings: TimingsInfo = TimingsInfo()
    links: LinksInfo = LinksInfo()

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it any more by itself."""
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
    """A page of jobs, and the counts of all that the filter finds."""

    jobs: tuple[JobInfo, ...]
    summary: JobCountsInfo
    limit: int
    offset: int = 0
    total: int | None = None
    next_cursor: str | None = None
    position: int = 0


class SceneInfo(ClientModel):
    """A part of a video with a prompt of its own; `index` counts from 0."""

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
    """The scenes of a job."""

    job_id: str
    duration_seconds: float
    scenes: tuple[SceneInfo, ...]


class LogLineInfo(ClientModel):
    """A line that a worker wrote; `sequence` grows."""

    sequence: int
    at: datetime | None
    attempt: int
    level: str
    message: str


class LogPageInfo(ClientModel):
    """Log lines, oldest first."""

    job_id: str
    entries: tuple[LogLineInfo, ...]


class EventInfo(ClientModel):
    """One thing that happened, with its facts."""

    type: str
    at: datetime | None
    data: dict[str, Any] = {}


class CommitInfo(ClientModel):
    """One decision as it stands in the log."""

    position: int
    at: datetime | None
    command: str
    actor: str
    events: tuple[EventInfo, ...]
    version: int
    hash: str = ""


class HistoryInfo(ClientModel):
    """What happened to a job, and the state it was in after the last of it."""

    job_id: str
    commits: tuple[CommitInfo, ...]
    job: JobInfo | None = None
