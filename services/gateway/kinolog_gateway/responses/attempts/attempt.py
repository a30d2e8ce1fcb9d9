"""An attempt of a job, and what it ran with."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from google.protobuf.message import Message
from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import time_field
from kinolog_gateway.responses.job_parts import ErrorView, ResponseModel

_View = TypeVar("_View", bound=ResponseModel)


def _copied(view: type[_View], message: Message, **others: object) -> _View:
    """Return a view of a message with the fields of the same names, and others."""
    return view(**{name: getattr(message, name) for name in view.model_fields} | others)


class UsedUpscalerView(ResponseModel):
    """The upscaler that enlarges the frames in an attempt."""

    name: str
    scale: int = Field(description="How many times wider and higher frames become.")
    sha256: str = Field(description="SHA-256 of its weights, in hexadecimal.")
    licence: str = Field(description="As the catalogue states it.")

    @classmethod
    def of(cls, used: pb.UsedUpscaler) -> UsedUpscalerView:
        """Return the view of an upscaler."""
        return cls(name=used.name, scale=used.scale, sha256=used.sha256, licence=used.licence)


class UsedLoraView(ResponseModel):
    """A LoRA that changed the model in an attempt."""

    name: str
    weight: float
    sha256: str = Field(description="SHA-256 of its file, in hexadecimal.")
    licence: str = Field(description="Its licence, as the catalogue states it.")


class StepCacheView(ResponseModel):
    """What a profile leaves out of steps that change little. Values that its kind does not have are 0."""

    kind: str = Field(examples=["first-block", "taylor", "taylor-blocks"])
    threshold: float = Field(description="Change of the first block below which the others are left out.")
    interval: int = Field(description="One in so many steps is computed whole.")
    full_steps: int = Field(description="The first steps, which are computed whole.")
    order: int = Field(description="Order of the Taylor series that predicts the rest.")

    @classmethod
    def of(cls, stated: pb.JobSpec | pb.Profile | pb.UsedProfile) -> StepCacheView | None:
        """Return the view of a cache, if there is one."""
        return _copied(cls, stated.cache) if stated.HasField("cache") else None


class UsedProfileView(ResponseModel):
    """The profile of an attempt, and how its clips compare with those of `exact`: 0 if nobody measured it."""

    name: str
    cache: StepCacheView | None = Field(description="What is left out of steps that change little.")
    calibration: str | None = Field(
        description="SHA-256 of what was measured; null if the worker measured nothing."
    )
    psnr_db: float = Field(description="Signal-to-noise ratio to the clips of `exact`; 100 for equal frames.")
    ssim: float = Field(description="Mean similarity to the clips of `exact`, 1 for equal frames.")
    speed: float = Field(description="How many times as fast as `exact` they were denoised.")
    clips: int = Field(description="Number of compared pairs of clips.")
    width: int
    height: int
    frames: int
    steps: int
    exact_steps: int = Field(description="Steps of the clips of `exact`.")

    @classmethod
    def of(cls, attempt: pb.Attempt) -> UsedProfileView | None:
        """Return the view of an attempt's profile, if it has one."""
        used = attempt.profile
        texts = {"cache": StepCacheView.of(used), "calibration": used.calibration or None}
        return _copied(cls, used, **texts) if attempt.HasField("profile") else None


class AttemptView(ResponseModel):
    """One attempt of a job by one worker."""

    number: int = Field(description="Number of the attempt, from 1.")
    worker: str
    hardware: str
    model_revision: str
    libraries: dict[str, str] = Field(description="Library versions by name.")
    dtype: str = Field(description="Data type of the weights; empty until the model is loaded.")
    scheduler: str = Field(description="Class of the scheduler that makes the steps.")
    placement: str = Field(
        description="Where the networks are and how frames are decoded.",
        examples=["text-offload, float16 decode"],
    )
    placement_reason: str = Field(description="Why, in a sentence.")
    options: dict[str, str] = Field(description="Options of the model in the catalogue, by name.")
    device: str = Field(examples=["cuda:0"])
    upscaler: UsedUpscalerView | None = Field(description="What enlarges the frames; null for nothing.")
    loras: list[UsedLoraView] = Field(
        description="The LoRAs that change the model; empty until it is loaded."
    )
    profile: UsedProfileView | None = Field(description="Null for `exact`, and until the model is loaded.")
    started_at: datetime | None
    ended_at: datetime | None
    error: ErrorView | None

    @classmethod
    def of(cls, attempt: pb.Attempt) -> AttemptView:
        """Return the view of a job's attempt."""
        return cls(
            number=attempt.number,
            worker=attempt.worker,
            hardware=attempt.hardware,
            model_revision=attempt.model_revision,
            libraries=dict(attempt.libraries),
            dtype=attempt.dtype,
            scheduler=attempt.scheduler,
            placement=attempt.placement,
            placement_reason=attempt.placement_reason,
            options=dict(attempt.options),
            device=attempt.device,
            upscaler=UsedUpscalerView.of(attempt.upscaler) if attempt.HasField("upscaler") else None,
            loras=[
                UsedLoraView(name=lora.name, weight=lora.weight, sha256=lora.sha256, licence=lora.licence)
                for lora in attempt.loras
            ],
            profile=UsedProfileView.of(attempt),
            started_at=time_field(attempt, "started_at"),
            ended_at=time_field(attempt, "ended_at"),
            error=ErrorView.of(attempt),
        )
