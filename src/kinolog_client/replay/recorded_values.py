"""Values in recorded events: the request, files, facts about a video, errors. Prompts are no part of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSpec:
    """What a job renders, with all defaults filled in. Sizes are in pixels.

    `model_class` names the workers that can run the model. `inputs` and `loras` are JSON values, as in `JobInfo`.
    """

    model: str = ""
    model_class: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: int = 0
    steps: int = 0
    guidance: float = 0.0
    seed: int = 0
    style: str = ""
    webhook_format: str = ""
    webhook_events: tuple[str, ...] = ()
    codec: str = ""
    crf: int = 0
    tagged: bool = False
    prompt_writer: str = ""
    prompt_writer_trouble: str = ""
    inputs: tuple[Mapping[str, Any], ...] = ()
    chained: bool = False
    upscaler: str = ""
    loras: tuple[Mapping[str, Any], ...] = ()
    profile: str = ""
    sigmas: tuple[float, ...] = ()
    flow_shift: float = 0.0
    interpolate_fps: int = 0
    cache: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """A stored file of a job. `signed_by` is the SHA-256 of the certificate that signed it, empty for none."""

    kind: str = ""
    key: str = ""
    sha256: str = ""
    size_bytes: int = 0
    media_type: str = ""
    signed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMedia:
    """Facts about a finished video. `audio_codec` is empty if it has no sound."""

    width: int = 0
    height: int = 0
    frames: int = 0
    fps: float = 0.0
    duration_seconds: float = 0.0
    codec: str = ""
    pixel_format: str = ""
    frame_hash: str = ""
    audio_codec: str = ""
    audio_sample_rate: int = 0
    audio_channels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedError:
    """Why an attempt or a job failed."""

    code: str = ""
    message: str = ""
    retryable: bool = False
