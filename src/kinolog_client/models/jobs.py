"""A job, its parts, and lists of jobs."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog_client.models.base import ClientModel

TERMINAL = frozenset({"completed", "failed", "cancelled"})
"""Statuses of a job that has ended. Only a retry changes them."""
STATUSES = ("queued", "processing", "completed", "failed", "cancelled")
PRIORITIES = ("critical", "high", "medium", "low")
STAGES = ("storyboard", "prefetch", "encode_prompt", "denoise", "decode", "assemble", "sign", "store")


class ErrorInfo(ClientModel):
    """Why a job or an attempt failed."""

    code: str
    message: str
    retryable: bool = False


class StageInfo(ClientModel):
    """How far a stage is. `percent` is 0 to 100, `scene` counts from 0, `seconds` is None while it runs."""

    stage: str | None
    scene: int | None = None
    percent: float = 0.0
    started_at: datetime | None = None
    seconds: float | None = None


class AttemptInfo(ClientModel):
    """One try at a job by one worker. `number` counts from 1."""

    number: int
    worker: str
    hardware: str = ""
    model_revision: str = ""
    libraries: dict[str, str] = Field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: ErrorInfo | None = None


class ArtifactInfo(ClientModel):
    """A file that a job made. Hashes are in hexadecimal.

    `signed_by` is the SHA-256 of the certificate that signed the C2PA manifest in the file; None if it has none.
    """

    kind: str
    key: str = ""
    sha256: str
    size_bytes: int
    media_type: str
    signed_by: str | None = None


class MediaInfo(ClientModel):
    """Facts of a finished video. Sizes in pixels, `duration` in seconds."""

    width: int
    height: int
    frames: int
    fps: float
    duration: float
    codec: str
    pixel_format: str
    frame_hash: str


class TimingsInfo(ClientModel):
    """How long a job took, in seconds. None for what has not ended. `run_seconds` is the sum of its attempts."""

    wait_seconds: float | None = None
    run_seconds: float | None = None
    total_seconds: float | None = None


class LinksInfo(ClientModel):
    """Paths of the files of a job. None for a file that does not exist."""

    video: str | None = None
    thumbnail: str | None = None
    preview: str | None = None
    manifest: str | None = None


class JobInfo(ClientModel):
    """A job. In lists, the fields that only the answer about one job has are empty.

    `percent` is 0 to 100; `scene` counts from 0; `attempt` is 0 before the first; `queue_position` 0 is next;
    `position` is that of the job's last commit in the log.
    """

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
    tenant: str = ""
    request_id: str = ""
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    not_before: datetime | None = None
    gpu_seconds: float = 0.0
    version: int = 0
    position: int = 0
    stages: tuple[StageInfo, ...] = ()
    attempts: tuple[AttemptInfo, ...] = ()
    artifacts: tuple[ArtifactInfo, ...] = ()
    media: MediaInfo | None = None
    timings: TimingsInfo = Field(default_factory=TimingsInfo)
    links: LinksInfo = Field(default_factory=LinksInfo)

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
    """A part of a video with a prompt of its own. `index` counts from 0; `video` is None until it is rendered."""

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
