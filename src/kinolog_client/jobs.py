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


class View(BaseModel):
    """A piece of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ErrorFacts(View):
    """Why a job or an attempt failed."""

    code: str
    message: str
    retryable: bool = False


class Stage(View):
    """How far a stage is; `seconds` is None while it runs, `scene` counts from 0."""

    stage: str | None
    scene: int | None = None
    percent: float = 0.0
    started_at: datetime | None = None
    seconds: float | None = None


class Attempt(View):
    """One try at a job by one worker."""

    number: int
    worker: str
    hardware: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: ErrorFacts | None = None


class Artifact(View):
    """A file that a job made."""

    kind: str
    sha256: str
    size_bytes: int
    media_type: str


class Media(View):
    """Facts of a finished video."""

    width: int
    height: int
    frames: int
    fps: float
    duration: float
    codec: str
    pixel_format: str
    frame_hash: str


class Timings(View):
    """How long a job took, in seconds; None for what has not ended."""

    wait_seconds: float | None = None
    run_seconds: float | None = None
    total_seconds: float | None = None


class Links(View):
    """Where more about a job is; None where there is nothing."""

    video: str | None = None
    thumbnail: str | None = None
    preview: str | None = None
    manifest: str | None = None


class Job(View):
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
    error: ErrorFacts | None = None
    actor: str = ""
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    gpu_seconds: float = 0.0
    version: int = 0
    position: int = 0
    stages: tuple[Stage, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    media: Media | None = None
    timings: Timings = Timings()
    links: Links = Links()

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it any more by itself."""
        return self.status in TERMINAL


class Counts(View):
    """Numbers of jobs by status."""

    total: int = 0
    queued: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class JobPage(View):
    """A page of jobs, and the counts of all that the filter finds."""

    jobs: tuple[Job, ...]
    summary: Counts
    limit: int
    offset: int = 0
    total: int | None = None
    next_cursor: str | None = None
    position: int = 0


class Scene(View):
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


class Storyboard(View):
    """The scenes of a job."""

    job_id: str
    duration_seconds: float
    scenes: tuple[Scene, ...]


class LogLine(View):
    """A line that a worker wrote; `sequence` grows."""

    sequence: int
    at: datetime | None
    attempt: int
    level: str
    message: str


class LogPage(View):
    """Log lines, oldest first."""

    job_id: str
    entries: tuple[LogLine, ...]


class Event(View):
    """One thing that happened, with its facts."""

    type: str
    at: datetime | None
    data: dict[str, Any] = {}


class Commit(View):
    """One decision as it stands in the log."""

    position: int
    at: datetime | None
    command: str
    actor: str
    events: tuple[Event, ...]
    version: int
    hash: str = ""


class History(View):
    """What happened to a job, and the state it was in after the last of it."""

    job_id: str
    commits: tuple[Commit, ...]
    job: Job | None = None
