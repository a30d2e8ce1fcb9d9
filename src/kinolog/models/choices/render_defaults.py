"""Values of jobs that state none of their own, as the entry of a model has them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kinolog.models.codecs import VideoCodec

Side = Annotated[int, Field(ge=16, le=8192, multiple_of=2)]


class RenderDefaults(BaseModel):
    """Default values of jobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Side = 832
    height: Side = 480
    frames: int = Field(81, ge=1)
    fps: int = Field(16, ge=1, le=120)
    steps: int = Field(50, ge=1, le=1000)
    guidance: float = Field(5.0, ge=0, le=100)
    negative_prompt: str = ""
    codec: VideoCodec = VideoCodec.H264
    crf: int | None = Field(
        None, ge=1, description="Constant rate factor; the usual one of the codec if omitted."
    )

    @model_validator(mode="after")
    def _crf_of_the_codec(self) -> Self:
        largest = self.codec.crf_range.largest
        if self.crf is not None and self.crf > largest:
            raise ValueError(f"crf: {self.crf} is more than {largest}, the most that {self.codec} takes")
        return self
