"""The pieces of a job that several answers show."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import KindWord, StageWord, instant, kind_name, optional, stage_name


class ResponseModel(BaseModel):
    """A piece of an answer."""

    model_config = ConfigDict(frozen=True)


class _Failed(Protocol):
    @property
    def error(self) -> pb.JobError: ...


class ErrorView(ResponseModel):
    """Why a job or an attempt failed."""

    code: str = Field(description="A word for programs.", examples=["OUT_OF_MEMORY"])
    message: str = Field(description="A sentence for people: what was wrong and what to do.")
    retryable: bool = Field(description="Whether trying again may help.")

    @classmethod
    def of(cls, failed: _Failed) -> ErrorView:
        """The error of a job or an attempt that has one."""
        error = failed.error
        return cls(code=error.code, message=error.message, retryable=error.retryable)


class StageView(ResponseModel):
    """How far a stage is."""

    stage: StageWord | None
    scene: int | None = Field(description="The scene, from 0, for stages that repeat per scene.")
    percent: float = Field(description="How far it is, 0 to 100.")
    started_at: datetime | None
    seconds: float | None = Field(description="How long it took; null while it runs.")

    @classmethod
    def of(cls, stage: pb.StageProgress) -> StageView:
        """The stage of a job."""
        return cls(
            stage=stage_name(stage.stage),
            scene=optional(stage, "scene"),
            percent=stage.percent,
            started_at=instant(stage, "started_at"),
            seconds=optional(stage, "seconds"),
        )


class AttemptView(ResponseModel):
    """One try at a job by one worker."""

    number: int = Field(description="Which try, from 1.")
    worker: str
    hardware: str
    model_revision: str
    libraries: dict[str, str] = Field(description="Library versions by name.")
    started_at: datetime | None
    ended_at: datetime | None
    error: ErrorView | None

    @classmethod
    def of(cls, attempt: pb.Attempt) -> AttemptView:
        """The attempt of a job."""
        return cls(
            number=attempt.number,
            worker=attempt.worker,
            hardware=attempt.hardware,
            model_revision=attempt.model_revision,
            libraries=dict(attempt.libraries),
            started_at=instant(attempt, "started_at"),
            ended_at=instant(attempt, "ended_at"),
            error=ErrorView.of(attempt) if attempt.HasField("error") else None,
        )


class ArtifactView(ResponseModel):
    """A file that a job made, addressed by its content."""

    kind: KindWord
    key: str = Field(description="Key in the artifact store.")
    sha256: str = Field(description="SHA-256 of its bytes, in hexadecimal; also its ETag.")
    size_bytes: int
    media_type: str

    @classmethod
    def of(cls, artifact: pb.Artifact) -> ArtifactView:
        """The file of a job."""
        return cls(
            kind=kind_name(artifact.kind),
            key=artifact.key,
            sha256=artifact.sha256,
            size_bytes=artifact.size_bytes,
            media_type=artifact.media_type,
        )


class MediaView(ResponseModel):
    """Facts of a finished video, read back from the file."""

    width: int
    height: int
    frames: int = Field(description="Counted by decoding.")
    fps: float
    duration: float = Field(description="Length in seconds.")
    codec: str = Field(examples=["h264"])
    pixel_format: str = Field(examples=["yuv420p"])
    frame_hash: str = Field(description="SHA-256 over the decoded frames, in hexadecimal.")

    @classmethod
    def of(cls, media: pb.MediaFacts) -> MediaView:
        """The facts of a video."""
        return cls(
            width=media.width,
            height=media.height,
            frames=media.frames,
            fps=media.fps,
            duration=media.duration_seconds,
            codec=media.codec,
            pixel_format=media.pixel_format,
            frame_hash=media.frame_hash,
        )


class TimingsView(ResponseModel):
    """How long a job took, in seconds; null for what has not ended."""

    wait_seconds: float | None = Field(description="From submission to the first start.")
    run_seconds: float | None = Field(description="From the first start to the end.")
    total_seconds: float | None = Field(description="From submission to the end.")

    @classmethod
    def of(cls, job: pb.Job) -> TimingsView:
        """The timings of a job."""
        created, started = instant(job, "created_at"), instant(job, "started_at")
        ended = instant(job, "finished_at")
        return cls(
            wait_seconds=_between(created, started),
            run_seconds=_between(started, ended),
            total_seconds=_between(created, ended),
        )


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def running_scene(job: pb.Job) -> int | None:
    """The scene that a processing job is in; None when its stage works on no scene."""
    if job.status != pb.STATUS_PROCESSING:
        return None
    for stage in reversed(job.stages):
        if not stage.HasField("seconds"):
            return optional(stage, "scene")  # type: ignore[no-any-return]  # the field is a number or absent
    return None
