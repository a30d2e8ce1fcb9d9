"""The parts of a job that several responses share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import (
    ArtifactKindName,
    InputRoleName,
    StageName,
    artifact_kind_name,
    input_role_name,
    optional_field,
    stage_name,
    time_field,
)
from kinolog_gateway.http.edge.public_path import public_path


class ResponseModel(BaseModel):
    """Base of response models."""

    model_config = ConfigDict(frozen=True)


class ErrorView(ResponseModel):
    """Why a job or an attempt failed."""

    code: str = Field(description="A code for programs.", examples=["OUT_OF_MEMORY"])
    message: str = Field(description="A sentence for people: what is wrong and what to do.")
    retryable: bool = Field(description="Whether a retry may succeed.")

    @classmethod
    def of(cls, failed: pb.Job | pb.Attempt) -> ErrorView | None:
        """Return the error of a job or an attempt, if it has one."""
        if not failed.HasField("error"):
            return None
        error = failed.error
        return cls(code=error.code, message=error.message, retryable=error.retryable)


class StageView(ResponseModel):
    """Progress of a stage."""

    stage: StageName | None
    scene: int | None = Field(description="The scene, from 0, for stages that repeat per scene.")
    percent: float = Field(description="Progress of the stage, 0 to 100.")
    started_at: datetime | None
    seconds: float | None = Field(description="Duration in seconds; null while it runs.")

    @classmethod
    def of(cls, stage: pb.StageProgress) -> StageView:
        """Return the view of a job's stage."""
        return cls(
            stage=stage_name(stage.stage),
            scene=optional_field(stage, "scene"),
            percent=stage.percent,
            started_at=time_field(stage, "started_at"),
            seconds=optional_field(stage, "seconds"),
        )


class JobLoraView(ResponseModel):
    """A LoRA that a job names."""

    name: str
    weight: float = Field(description="How strongly it changes the model. With 0 it is not loaded.")

    @classmethod
    def all_of(cls, loras: Iterable[pb.JobLora]) -> list[JobLoraView]:
        """Return the views of LoRAs."""
        return [cls(name=lora.name, weight=lora.weight) for lora in loras]


class ArtifactView(ResponseModel):
    """A file that a job produced, addressed by its content."""

    kind: ArtifactKindName
    key: str = Field(description="Key in the artifact store.")
    sha256: str = Field(description="SHA-256 of its bytes, in hexadecimal; also its ETag.")
    size_bytes: int
    media_type: str
    signed_by: str | None = Field(
        description="SHA-256 of the certificate that signed the C2PA manifest in the file, in hexadecimal; null if the "
        "file has none."
    )

    @classmethod
    def all_of(cls, artifacts: Iterable[pb.Artifact]) -> list[ArtifactView]:
        """Return the views of a job's files, without those of kinds that a later version makes."""
        return [
            cls(
                kind=kind,
                key=artifact.key,
                sha256=artifact.sha256,
                size_bytes=artifact.size_bytes,
                media_type=artifact.media_type,
                signed_by=artifact.signed_by or None,
            )
            for artifact in artifacts
            if (kind := artifact_kind_name(artifact.kind)) is not None
        ]


class InputView(ResponseModel):
    """A picture or clip that a job starts from."""

    role: InputRoleName | None = Field(description="What it is to the job.")
    media_type: str = Field(examples=["image/png"])
    size_bytes: int
    sha256: str | None = Field(
        description="SHA-256 of the file, in hexadecimal; null once the job is erased."
    )
    width: int | None = Field(description="Width of a picture in pixels, as it is stored; null for a clip.")
    height: int | None
    file: str | None = Field(description="Path of the file; null once the job is erased.")

    @classmethod
    def all_of(cls, job: pb.Job) -> list[InputView]:
        """Return the views of what a job starts from."""
        return [
            cls(
                role=input_role_name(one.role),
                media_type=one.media_type,
                size_bytes=one.size_bytes,
                sha256=one.sha256 or None,
                width=one.width or None,
                height=one.height or None,
                file=None if job.erased else public_path(f"/api/v1/inputs/{job.id}/{index}"),
            )
            for index, one in enumerate(job.inputs)
        ]


class MediaView(ResponseModel):
    """Facts of a finished video, measured on the file."""

    width: int
    height: int
    frames: int = Field(description="Counted by decoding.")
    fps: float
    duration: float = Field(description="Length in seconds.")
    codec: str = Field(examples=["h264"])
    pixel_format: str = Field(examples=["yuv420p"])
    frame_hash: str = Field(description="SHA-256 over the decoded frames, in hexadecimal.")
    audio_codec: str | None = Field(description="Codec of the sound; null without sound.", examples=["aac"])
    audio_sample_rate: int | None = Field(description="Samples of the sound per second; null without sound.")
    audio_channels: int | None = Field(description="Channels of the sound, 1 or 2; null without sound.")

    @classmethod
    def of(cls, media: pb.MediaFacts) -> MediaView:
        """Return the view of a video's facts."""
        return cls(
            width=media.width,
            height=media.height,
            frames=media.frames,
            fps=media.fps,
            duration=media.duration_seconds,
            codec=media.codec,
            pixel_format=media.pixel_format,
            frame_hash=media.frame_hash,
            audio_codec=media.audio_codec or None,
            audio_sample_rate=media.audio_sample_rate or None,
            audio_channels=media.audio_channels or None,
        )


class TimingsView(ResponseModel):
    """Durations of a job in seconds; null for what has not ended."""

    wait_seconds: float | None = Field(description="From submission to the first start.")
    run_seconds: float | None = Field(
        description="Of all its attempts together, without the pauses between them."
    )
    total_seconds: float | None = Field(description="From submission to the end.")

    @classmethod
    def of(cls, job: pb.Job) -> TimingsView:
        """Return the durations of a job."""
        created, started = time_field(job, "created_at"), time_field(job, "started_at")
        finished = time_field(job, "finished_at")
        return cls(
            wait_seconds=_seconds_between(created, started),
            run_seconds=optional_field(job, "run_seconds"),
            total_seconds=_seconds_between(created, finished),
        )


class JobLinks(ResponseModel):
    """Paths of a job's resources; null where there is none yet."""

    status: str = Field(description="The job itself.")
    storyboard: str
    events: str = Field(description="Its history.")
    logs: str
    result: str | None = Field(description="The result's facts, once the job is completed.")
    video: str | None
    thumbnail: str | None
    preview: str | None
    manifest: str | None


def job_links(job_id: str, artifacts: Iterable[pb.Artifact], *, completed: bool) -> JobLinks:
    """Return the links of a job that has these artifacts."""
    api = public_path("/api/v1")
    result = f"{api}/result/{job_id}"
    kinds = {artifact_kind_name(artifact.kind) for artifact in artifacts} if completed else set()
    return JobLinks(
        status=f"{api}/status/{job_id}",
        storyboard=f"{api}/storyboard/{job_id}",
        events=f"{api}/events/{job_id}",
        logs=f"{api}/logs/{job_id}",
        result=result if completed else None,
        video=f"{result}/video" if "video" in kinds else None,
        thumbnail=f"{result}/thumbnail" if "thumbnail" in kinds else None,
        preview=f"{result}/preview" if "preview" in kinds else None,
        manifest=f"{result}/manifest" if completed else None,
    )


def duration_seconds(spec: pb.JobSpec) -> float:
    """Return the length of the video that a spec requests, in seconds."""
    return spec.frames / spec.fps if spec.fps else 0.0


def _seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
