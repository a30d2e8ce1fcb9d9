"""Values of jobs, all frozen. Pure: standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from kinolog.job.interruption import INTERRUPTED
from kinolog.job.rendering.profile import StepCache, UsedProfile
from kinolog.job.server_errors import SERVER_ERRORS


class Status(StrEnum):
    """Status of a job; the last three are terminal."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """True if only a retry or an erasure can follow."""
        return self in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class Priority(StrEnum):
    """How urgent a job is."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for critical to 3 for low, as in the subject of a ticket."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(Priority)}


class Stage(StrEnum):
    """The stages of an attempt, in order; denoise, decode and postprocess repeat for each scene."""

    STORYBOARD = "storyboard"
    PREFETCH = "prefetch"
    ENCODE_PROMPT = "encode_prompt"
    DENOISE = "denoise"
    DECODE = "decode"
    POSTPROCESS = "postprocess"
    ASSEMBLE = "assemble"
    SIGN = "sign"
    STORE = "store"


class ArtifactKind(StrEnum):
    """Kind of a file of a job."""

    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    PREVIEW = "preview"
    SCENE = "scene"
    INPUT = "input"
    SCENE_THUMBNAIL = "scene_thumbnail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Ciphertext under the key of its job (AES-GCM; `nonce` is 12 bytes)."""

    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file that a job produced, addressed by its content; `sha256` is hexadecimal.

    `signed_by` is the SHA-256 of the certificate that signed the C2PA manifest in the file; empty if it has none.
    """

    kind: ArtifactKind
    key: str
    sha256: str
    size_bytes: int
    media_type: str
    signed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFacts:
    """What identifies the content of an input. `width` and `height` are those of a picture in pixels, 0 for a clip."""

    sha256: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInput:
    """A picture or clip that a job starts from. `role` says what it is to the job, such as `first_frame`.

    `media_type` and `size_bytes` are those of the content. `file` has it sealed, and `facts` are its `InputFacts`.
    """

    role: str
    media_type: str
    size_bytes: int
    file: Artifact
    facts: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLora:
    """A LoRA that a job names, and how strongly it changes the model. With a weight of 0 it is not loaded."""

    name: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The requested video: defaults filled in, personal data sealed.

    A `profile` filled in its LoRAs, its steps and the rest that it states. `sigmas` are the noise levels of the steps,
    empty for those of the scheduler, and `flow_shift` shifts them, 0 for the shift of the model. A `cache` leaves out
    work of steps that change little.

    Jobs of earlier versions have no `codec`, no `crf`, and files that are not `tagged` with what made them.
    `prompt_writer` is the language model that wrote the prompts of the scenes, `prompt_writer_trouble` why none did
    although the request asked for it; both are empty for a job that did not ask. Each scene of a `chained` job goes on
    from the end of the one before. `width` and `height` are those of the drawn frames, which `upscaler` enlarges; it is
    empty for none. A video of `interpolate_fps` has computed frames between those that are drawn, `fps` per second; 0
    for none. The `webhook` is called for `webhook_events`, empty for the ends of the job, with messages in
    `webhook_format`, empty for that of kinolog.
    """

    prompt: Sealed
    negative_prompt: Sealed | None
    model: str
    model_class: str
    width: int
    height: int
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int
    style: str = ""
    webhook: Sealed | None = None
    webhook_format: str = ""
    webhook_events: tuple[str, ...] = ()
    codec: str = ""
    crf: int = 0
    title: Sealed | None = None
    tagged: bool = False
    prompt_writer: str = ""
    prompt_writer_trouble: str = ""
    inputs: tuple[JobInput, ...] = ()
    chained: bool = False
    upscaler: str = ""
    loras: tuple[JobLora, ...] = ()
    profile: str = ""
    sigmas: tuple[float, ...] = ()
    flow_shift: float = 0.0
    interpolate_fps: int = 0
    cache: StepCache | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """Facts about a finished video, read back from the file. `audio_codec` is empty if it has no sound."""

    width: int
    height: int
    frames: int
    fps: float
    duration_seconds: float
    codec: str
    pixel_format: str
    frame_hash: str
    audio_codec: str = ""
    audio_sample_rate: int = 0
    audio_channels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A part of the video with its own prompt. `thumbnail` shows its middle frame; earlier versions stored none."""

    index: int
    prompt: Sealed
    start_seconds: float
    duration_seconds: float
    frames: int
    camera: str
    transition: str
    seed: int
    artifact: Artifact | None = None
    thumbnail: Artifact | None = None


SCRATCH_FULL = "SCRATCH_FULL"
"""Error code of an attempt that ended because the disk of its temporary files was full."""

WORKER_NOT_READY = "WORKER_NOT_READY"
"""Error code of an attempt that ended because its worker's inference process was gone before it began the job."""

WORKER_FROZEN = "WORKER_FROZEN"
"""Error code of an attempt that ended because its worker's inference process neither answered nor did anything, and
not by its rendering: it froze as it loaded the model. In logs of earlier versions it also means what
`RENDERER_STOPPED` means now."""

RENDERER_STOPPED = "RENDERER_STOPPED"
"""Error code of an attempt whose inference process a signal or a debugger stopped. It does not count; but a job that
this happens to in as many attempts in a row as it may have fails."""

RENDERER_FROZEN = "RENDERER_FROZEN"
"""Error code of an attempt whose rendering froze the inference process. It counts, as a crash does."""

NEIGHBOUR_ENDED = "NEIGHBOUR_ENDED"
"""Error code of an attempt whose inference process ended because of another job that it rendered at that time. It does
not count; but a job that this happens to in as many attempts in a row as it may have fails."""

INPUTS_UNAVAILABLE = "INPUTS_UNAVAILABLE"
"""Error code of an attempt that ended because the store of the job's inputs did not answer."""

DEVICE_MISSING = "DEVICE_MISSING"
"""Error code of an attempt that ended because the device of its worker is not there, such as a GPU that is gone."""

HUB_UNREACHABLE = "HUB_UNREACHABLE"
"""Error code of an attempt that ended because the hub did not answer that its model is downloaded from."""

MODEL_DISK_FULL = "MODEL_DISK_FULL"
"""Error code of an attempt that ended because the disk of downloaded models had no room for its model."""

NOT_COUNTED = frozenset(
    {
        *INTERRUPTED,
        SCRATCH_FULL,
        WORKER_NOT_READY,
        WORKER_FROZEN,
        RENDERER_STOPPED,
        NEIGHBOUR_ENDED,
        INPUTS_UNAVAILABLE,
        DEVICE_MISSING,
        HUB_UNREACHABLE,
        MODEL_DISK_FULL,
        *SERVER_ERRORS,
    }
)
"""Error codes of attempts that ended for a reason that is not the job's. Storage: an added code must be a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job or an attempt failed: a code for programs, a sentence for people."""

    code: str
    message: str
    retryable: bool

    @property
    def counts(self) -> bool:
        """Whether the attempt that it ended counts towards the job's maximum."""
        return self.code not in NOT_COUNTED


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedUpscaler:
    """The upscaler of an attempt. `sha256` is that of its weights, in hexadecimal.

    Frames become `scale` times wider and higher.
    """

    name: str
    scale: int
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedLora:
    """A LoRA that changed the model in an attempt. `sha256` is that of its file, in hexadecimal."""

    name: str
    weight: float
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What an attempt runs on, as far as it is known: the model is loaded after the attempt has started.

    `placement` names where the networks are and how frames are decoded (docs/memory.md), `placement_reason` why.
    `options` are those of the model in the catalogue.
    """

    hardware: str = ""
    model_revision: str = ""
    libraries: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    dtype: str = ""
    scheduler: str = ""
    placement: str = ""
    placement_reason: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    device: str = ""
    upscaler: UsedUpscaler | None = None
    loras: tuple[UsedLora, ...] = ()
    profile: UsedProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a job by one worker; `number` counts from 1.

    `percent` is how far the job was when the attempt failed or was cancelled, 0 to 100; 0 if nobody knows.
    """

    number: int
    worker: str
    runtime: Runtime
    started_at: datetime
    ended_at: datetime | None = None
    error: JobError | None = None
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageState:
    """A stage of the current attempt; `seconds` is None until it has finished."""

    stage: Stage
    scene: int | None
    started_at: datetime
    seconds: float | None = None
