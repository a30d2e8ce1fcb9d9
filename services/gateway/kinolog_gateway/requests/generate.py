"""The body of POST /mcp/generate."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import PRIORITY_NUMBERS
from kinolog_gateway.requests.value_types import (
    Name,
    Priority,
    Prompt,
    RequestId,
    RequestModel,
    Size,
    Style,
    Text,
    WebhookUrl,
)

StrictInt = Annotated[int, Field(strict=True)]
StrictFloat = Annotated[float, Field(strict=True)]

EXAMPLES: list[JsonValue] = [
    {
        "prompt": "a red circle moving right on a blue background",
        "priority": "high",
        "style": "cinematic",
        "duration": 2.0,
    },
    {
        "prompt": "a green square turning",
        "size": "256x256",
        "fps": 8,
        "steps": 20,
        "guidance": 4.0,
        "seed": 7,
        "request_id": "nightly-2026-11-22",
    },
]


class GenerateRequest(RequestModel):
    """A video to generate. Omitted fields take the model's defaults, which GET /mcp/models lists."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})

    prompt: Prompt = Field(description="Description of the video: 1 to 4,000 characters.")
    negative_prompt: Text | None = Field(None, description="What the video must not show.")
    priority: Priority | None = Field(None, description="Priority in the queue; medium by default.")
    style: Style | None = Field(None, description="One of the model's styles, in any case.")
    duration: Annotated[StrictFloat, Field(gt=0, le=600)] | None = Field(
        None, description="Length in seconds. Give this or frames."
    )
    frames: Annotated[StrictInt, Field(ge=1, le=36_000)] | None = Field(
        None, description="Number of frames. Give this or duration."
    )
    model: Name | None = Field(
        None, description="Name of a model in GET /mcp/models; the default model if omitted."
    )
    size: Size | None = Field(None, description="Width and height in pixels.", examples=["832x480"])
    fps: Annotated[StrictInt, Field(ge=1, le=120)] | None = Field(None, description="Frames per second.")
    steps: Annotated[StrictInt, Field(ge=1, le=1000)] | None = Field(None, description="Denoising steps.")
    guidance: Annotated[StrictFloat, Field(ge=0, le=100)] | None = Field(
        None, description="Classifier-free guidance scale; 1 turns guidance off."
    )
    seed: Annotated[StrictInt, Field(ge=0, le=9_007_199_254_740_991)] | None = Field(
        None, description="Seed of all randomness. If omitted, one is drawn and recorded."
    )
    max_attempts: Annotated[StrictInt, Field(ge=1, le=10)] | None = Field(
        None, description="Most attempts that the job may take."
    )
    request_id: RequestId | None = Field(
        None,
        description="Two submissions with the same id create one job. The header Idempotency-Key does the same.",
    )
    webhook: WebhookUrl | None = Field(
        None,
        description="Address to notify when the job ends. It is stored sealed; this version does not call it yet.",
        examples=["https://example.org/done"],
    )

    @field_validator("frames")
    @classmethod
    def _check_one_length(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("duration") is not None:
            raise ValueError("gives the length twice; give duration or frames, not both")
        return value

    def to_proto(self, request_id: str) -> pb.SubmitJobRequest:
        """Return the request to the api, with this request id."""
        width, height = (int(side) for side in self.size.split("x")) if self.size else (None, None)
        return pb.SubmitJobRequest(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt or "",
            model=self.model or "",
            priority=PRIORITY_NUMBERS[self.priority] if self.priority else job_pb2.PRIORITY_UNSPECIFIED,
            style=self.style or "",
            duration_seconds=self.duration,
            width=width,
            height=height,
            frames=self.frames,
            fps=self.fps,
            steps=self.steps,
            guidance=self.guidance,
            seed=self.seed,
            request_id=request_id,
            webhook=self.webhook or "",
            max_attempts=self.max_attempts,
        )
