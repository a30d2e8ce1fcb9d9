"""A job's result: facts, files and manifest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from kinolog_client.models.base import ClientModel
from kinolog_client.models.job_parts import ArtifactInfo, AttemptInfo, LinksInfo, MediaInfo


class ResultInfo(ClientModel):
    """The result of a completed job."""

    job_id: str
    status: str
    completed_at: datetime | None = None
    gpu_seconds: float = 0.0
    media: MediaInfo
    artifacts: tuple[ArtifactInfo, ...] = ()
    links: LinksInfo = Field(default_factory=LinksInfo)


class SpecInfo(ClientModel):
    """The specification of a job, without the prompts."""

    model: str
    size: str
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int
    style: str | None = None
    codec: str = "h264"
    crf: int | None = None
    upscaler: str | None = None
    interpolate_fps: int | None = None


class RecordInfo(ClientModel):
    """Where the log holds a job's history: number of commits and events, position and hash of the last commit."""

    commits: int
    events: int
    position: int
    hash: str


class ManifestInfo(ClientModel):
    """What it takes to check a video against the log, and to make it again. It holds no prompt."""

    job_id: str
    completed_at: datetime | None = None
    spec: SpecInfo
    media: MediaInfo
    artifacts: tuple[ArtifactInfo, ...] = ()
    attempts: tuple[AttemptInfo, ...] = ()
    record: RecordInfo


@dataclass(frozen=True, slots=True)
class FileInfo:
    """Facts of a file before it is downloaded. `sha256` is in hexadecimal; None if the ETag is no hash."""

    size_bytes: int | None
    sha256: str | None
    media_type: str
