"""The parts of a job that several answers share."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog_client.models.base import ClientModel


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


class UsedUpscalerInfo(ClientModel):
    """The upscaler of an attempt. `sha256` is that of its weights; frames become `scale` times wider and higher."""

    name: str
    scale: int = 1
    sha256: str = ""
    licence: str = ""


class JobLoraInfo(ClientModel):
    """A LoRA that a job names, and how strongly it changes the model. With a weight of 0 it is not loaded."""

    name: str
    weight: float = 1.0


class UsedLoraInfo(ClientModel):
    """A LoRA that changed the model in an attempt. `sha256` is that of its file, in hexadecimal."""

    name: str
    weight: float = 1.0
    sha256: str = ""
    licence: str = ""


class StepCacheInfo(ClientModel):
    """What a profile leaves out of steps that change little. Values that its kind does not have are 0.

    `first-block` leaves out all blocks but the first while that changes by less than the `threshold`. `taylor` and
    `taylor-blocks` compute every `interval`-th step whole, after the first `full_steps`, and predict the others by a
    Taylor series of this `order`.
    """

    kind: str
    threshold: float = 0.0
    interval: int = 0
    full_steps: int = 0
    order: int = 0


class UsedProfileInfo(ClientModel):
    """The profile of an attempt, and how its clips compare with those of `exact`, as the worker had measured it.

    `calibration` is the SHA-256 of what it was measured with. Without it nothing was measured, and the figures are 0.
    `clips` pairs of clips were compared; those of the profile were denoised `speed` times as fast.
    """

    name: str
    cache: StepCacheInfo | None = None
    calibration: str | None = None
    psnr_db: float = 0.0
    ssim: float = 0.0
    speed: float = 0.0
    clips: int = 0
    width: int = 0
    height: int = 0
    frames: int = 0
    steps: int = 0
    exact_steps: int = 0


class FrameComparisonInfo(ClientModel):
    """How the frames of two videos differ. `first_frame` is the first that does, from 0. `ssim` of equal ones is 1."""

    psnr_db: float
    ssim: float
    first_frame: int
    different_frames: int


class RuntimeDifferenceInfo(ClientModel):
    """One fact, such as `libraries.torch`, that two jobs ran with differently."""

    name: str
    original: str | None = None
    reproduction: str | None = None


class ReproductionInfo(ClientModel):
    """How the video of a job compares with that of the job `original`, which it reproduces.

    `frames` is None if all are equal, and if they could not be compared: `trouble` then says why. `differences` are
    the likely cause of other frames.
    """

    original: str
    original_frame_hash: str | None = None
    identical: bool
    frames: FrameComparisonInfo | None = None
    trouble: str | None = None
    differences: tuple[RuntimeDifferenceInfo, ...] = ()


class AttemptInfo(ClientModel):
    """One try at a job by one worker. `number` counts from 1.

    `placement` says where the networks of the model are and how frames are decoded, `placement_reason` why. What is
    known of a model only when it is loaded is empty before.
    """

    number: int
    worker: str
    hardware: str = ""
    model_revision: str = ""
    libraries: dict[str, str] = Field(default_factory=dict)
    dtype: str = ""
    scheduler: str = ""
    placement: str = ""
    placement_reason: str = ""
    options: dict[str, str] = Field(default_factory=dict)
    device: str = ""
    upscaler: UsedUpscalerInfo | None = None
    loras: tuple[UsedLoraInfo, ...] = ()
    profile: UsedProfileInfo | None = None
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


class InputInfo(ClientModel):
    """A picture or clip that a job starts from. `file` is its path, None once the job is erased, like its hash."""

    role: str | None = None
    media_type: str = ""
    size_bytes: int = 0
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    file: str | None = None


class MediaInfo(ClientModel):
    """Facts of a finished video. Sizes in pixels, `duration` in seconds. None for the facts of sound without sound."""

    width: int
    height: int
    frames: int
    fps: float
    duration: float
    codec: str
    pixel_format: str
    frame_hash: str
    audio_codec: str | None = None
    audio_sample_rate: int | None = None
    audio_channels: int | None = None

    @property
    def sound(self) -> str:
        """The sound in words, such as `aac, 24 kHz, stereo`; empty without sound."""
        if not self.audio_codec:
            return ""
        channels = "mono" if self.audio_channels == 1 else "stereo"
        return f"{self.audio_codec}, {(self.audio_sample_rate or 0) / 1000:g} kHz, {channels}"


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
