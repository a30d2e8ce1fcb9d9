"""The body of POST /api/v1/generate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictFloat,
    StrictInt,
    ValidationInfo,
    field_validator,
)

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import INPUT_ROLE_NUMBERS, PRIORITY_NUMBERS, InputRoleName
from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.filters import to_timestamp
from kinolog_gateway.requests.value_types import (
    Codec,
    Name,
    Priority,
    Prompt,
    RequestId,
    RequestModel,
    Rfc3339Time,
    Size,
    Style,
    Text,
    Title,
    WebhookEvents,
    WebhookFormatName,
    WebhookUrl,
    lower_case,
)

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
    {
        "prompt": "black and white, film grain",
        "scenes": [
            {"prompt": "a star rises", "duration": 2.0},
            {"prompt": "a ring falls", "duration": 3.0, "transition": "dissolve"},
        ],
    },
]

_SHOTS = {None: pb.SHOTS_UNSPECIFIED, "one": pb.SHOTS_ONE, "auto": pb.SHOTS_AUTO, "written": pb.SHOTS_WRITTEN}
_TRANSITIONS = {
    None: pb.TRANSITION_UNSPECIFIED,
    "cut": pb.TRANSITION_CUT,
    "fade": pb.TRANSITION_FADE,
    "dissolve": pb.TRANSITION_DISSOLVE,
}


class GenerateScene(RequestModel):
    """A scene of a video to generate."""

    prompt: Prompt = Field(description="What the scene shows: 1 to 4,000 characters.")
    duration: Annotated[StrictFloat, Field(gt=0, le=600)] | None = Field(
        None, description="Length in seconds. Give it to all scenes, or to none: then they are equally long."
    )
    transition: Annotated[Literal["cut", "fade", "dissolve"], BeforeValidator(lower_case)] | None = Field(
        None,
        description="How the scene starts: at once (the default), out of black, or out of the scene before.",
    )
    seed: Annotated[StrictInt, Field(ge=0, le=9_007_199_254_740_991)] | None = Field(
        None, description="Seed of the scene; that of the video by default."
    )

    def to_proto(self) -> pb.SceneRequest:
        """Return the scene in the request to the api."""
        return pb.SceneRequest(
            prompt=self.prompt,
            duration_seconds=self.duration,
            transition=_TRANSITIONS[self.transition],
            seed=self.seed,
        )


class GenerateInput(RequestModel):
    """A picture or clip that a video starts from."""

    role: Annotated[InputRoleName, BeforeValidator(lower_case)] = Field(
        description="What it is to the video. GET /api/v1/models and docs/models.md say what a model takes."
    )
    upload_id: Annotated[str, Field(pattern=text_patterns.ID)] = Field(
        description="Id of the upload: 26 lower-case letters and digits.",
        examples=["abcdefghijklmnopqrstuvwxyz"],
    )

    def to_proto(self) -> pb.InputReference:
        """Return the input in the request to the api."""
        return pb.InputReference(role=INPUT_ROLE_NUMBERS[self.role], upload_id=self.upload_id)


class GenerateLora(RequestModel):
    """A LoRA that changes the model."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Name of a LoRA in GET /api/v1/models."
    )
    weight: Annotated[StrictFloat, Field(ge=-4, le=4)] | None = Field(
        None,
        description="How strongly it changes the model; that of GET /api/v1/models by default. 0: not at all.",
    )

    def to_proto(self) -> pb.LoraReference:
        """Return the LoRA in the request to the api."""
        return pb.LoraReference(name=self.name, weight=self.weight)


class GenerateRequest(RequestModel):
    """A video to generate. Omitted fields take the model's defaults, which GET /api/v1/models lists."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})

    shots: Annotated[Literal["one", "auto", "written"], BeforeValidator(lower_case)] | None = Field(
        None,
        description=(
            "one: the prompt is one shot (the default). "
            'auto: it is cut at its marks, such as "Scene 1:", "0-2s:", blank lines and "Then" after a full stop. '
            "written: a language model writes the shots, if the installation has one."
        ),
    )
    scenes: Annotated[list[GenerateScene], Field(min_length=1, max_length=32)] | None = Field(
        None, description="The scenes of the video, 1 to 32, instead of shots."
    )
    prompt: Prompt | None = Field(
        None,
        validate_default=True,
        description=(
            "Description of the video: 1 to 4,000 characters. It precedes each of the scenes; with them it may be "
            "omitted."
        ),
    )
    enhance_prompt: bool = Field(
        False,
        strict=True,
        description="Whether a language model rewrites the prompt for the video model. The prompt is one shot then.",
    )
    chained: bool = Field(
        False,
        strict=True,
        description="Whether each scene goes on from the end of the one before. Scenes longer than the model draws are "
        "cut into several.",
    )
    upscaler: Name | None = Field(
        None,
        description="Name of an upscaler in GET /api/v1/models that enlarges every frame. `size` is that of the drawn "
        "frames.",
    )
    interpolate_fps: Annotated[StrictInt, Field(ge=2, le=480)] | None = Field(
        None,
        description="Frames per second of the video, 2 or 4 times fps: frames between the drawn ones are computed.",
    )
    inputs: Annotated[list[GenerateInput], Field(max_length=16)] | None = Field(
        None, description="What the video starts from: uploads, each in a role, as the model takes them."
    )
    loras: Annotated[list[GenerateLora], Field(max_length=8)] | None = Field(
        None, description="LoRAs that change the model, each once."
    )
    profile: Annotated[str, Field(min_length=1, max_length=20), BeforeValidator(lower_case)] | None = Field(
        None,
        description="One of the profiles of the model in GET /api/v1/models: exact, the default, is the model "
        "as it is. It fills in steps, guidance, LoRAs and what else it states.",
        examples=["turbo"],
    )
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
        None, description="Name of a model in GET /api/v1/models; the default model if omitted."
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
    variants: Annotated[StrictInt, Field(ge=1, le=8)] | None = Field(
        None,
        description="How many jobs to make of the request: the first has its seed, and each further one the next seed, "
        "in its scenes too. All are in the answer.",
        examples=[4],
    )
    codec: Codec | None = Field(
        None,
        description="Codec of the video; GET /api/v1/models lists those that the model's workers can encode. Those "
        "with _nvenc need an NVIDIA GPU.",
        examples=["h265"],
    )
    crf: Annotated[StrictInt, Field(ge=1, le=63)] | None = Field(
        None,
        description="Constant rate factor of the codec: 1 to 51, or to 63 for av1. Less is better quality and a larger "
        "file.",
    )
    title: Title | None = Field(None, description="Title in the file of the video. It is stored sealed.")
    max_attempts: Annotated[StrictInt, Field(ge=1, le=10)] | None = Field(
        None, description="Most attempts that the job may take."
    )
    start_after: Rfc3339Time | None = Field(
        None,
        description="The job waits until then, for at most 366 days: a time with its offset from UTC. One up to a "
        "minute ago means now.",
        examples=["2026-12-24T22:00:00+01:00"],
    )
    start_timeout_seconds: Annotated[StrictInt, Field(ge=1, le=31_622_400)] | None = Field(
        None,
        description="How long the job may wait for its first attempt, from start_after or else from the submit. If "
        "none has started by then, it fails with the code START_TIMEOUT.",
    )
    request_id: RequestId | None = Field(
        None,
        description="Two submissions with the same id create one job. The header Idempotency-Key does the same.",
    )
    webhook: WebhookUrl | None = Field(
        None,
        description="Address to call when the job ends, with a signed message, or mailto: and a mailbox that gets an "
        "e-mail (docs/webhooks.md). It is stored sealed.",
        examples=["https://example.org/done"],
    )
    webhook_format: WebhookFormatName | None = Field(
        None, description="Form of the messages to the webhook: kinolog, or as other services send them."
    )
    webhook_events: WebhookEvents | None = Field(
        None, description="What the webhook is called for; without any, the three ends of the job."
    )

    @field_validator("scenes")
    @classmethod
    def _check_one_list(
        cls, value: list[GenerateScene] | None, info: ValidationInfo
    ) -> list[GenerateScene] | None:
        if value is not None and info.data.get("shots") is not None:
            raise ValueError("cannot be given with shots; give one of the two")
        return value

    @field_validator("prompt")
    @classmethod
    def _check_prompt(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and "scenes" in info.data and info.data["scenes"] is None:
            raise ValueError("is required, unless scenes are given")
        return value

    @field_validator("enhance_prompt")
    @classmethod
    def _check_one_shot(cls, value: bool, info: ValidationInfo) -> bool:
        if value and (info.data.get("scenes") or info.data.get("shots") not in (None, "one")):
            raise ValueError(
                "is for a prompt that is one shot; leave it out with scenes, and with other shots"
            )
        return value

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
            prompt=self.prompt or "",
            shots=_SHOTS[self.shots],
            scenes=[scene.to_proto() for scene in self.scenes or ()],
            enhance_prompt=self.enhance_prompt,
            chained=self.chained,
            upscaler=self.upscaler or "",
            interpolate_fps=self.interpolate_fps,
            inputs=[one.to_proto() for one in self.inputs or ()],
            loras=[lora.to_proto() for lora in self.loras or ()],
            profile=self.profile or "",
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
            variants=self.variants or 0,
            request_id=request_id,
            webhook=self.webhook or "",
            webhook_format=self.webhook_format or "",
            webhook_events=self.webhook_events or (),
            max_attempts=self.max_attempts,
            codec=self.codec or "",
            crf=self.crf,
            title=self.title or "",
            start_after=to_timestamp(self.start_after),
            start_timeout_seconds=self.start_timeout_seconds or 0,
        )
