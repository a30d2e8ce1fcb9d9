"""Port: what turns the prompt of a scene into frames.

A renderer runs in the inference process, is used by one thread, and holds one loaded model. It draws exactly the
requested number of frames in exactly the requested size; how it rounds, crops or enlarges is up to it. What a renderer
logs, and the texts of its errors, may quote the prompt: only the owner of the job sees them. `RenderFailed.message` and
the names in `LoadedFacts` are stored in the clear and must not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from kinolog.job.rendering.profile import StepCache, UsedProfile
from kinolog.job.values import UsedLora, UsedUpscaler
from kinolog.models.input_roles import InputRole
from kinolog.models.renderers import DEFAULT_RENDERER
from kinolog.storyboard.prompt_vocabulary import VocabularyMatch

if TYPE_CHECKING:  # the process of a worker needs no numpy, which takes 0.1 s to import
    from kinolog_worker.media.frames import Frames
    from kinolog_worker.media.sound.samples import Sound


class RenderCancelled(Exception):
    """The caller's `should_stop` returned True; nothing more is drawn."""


class RenderAgain(Exception):
    """A scene has to be drawn again from its first frame: memory ran out, and the renderer now needs less of it."""


class RenderFailed(Exception):
    """A model cannot be loaded or a scene cannot be drawn.

    `code` is for programs, `message` for people. Both stay when a job is erased: they must not quote the prompt.
    `detail` may: it is sealed. `retryable` if another attempt may succeed.
    """

    def __init__(self, code: str, message: str, *, retryable: bool, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model comes from and which renderer drives it.

    `location` is a folder, a hub name (`owner/model`), or `embedded`. `renderer` is the name of an entry point in
    the group `kinolog.renderers`. `weights` is a single file that replaces those of the denoiser. `options` are the
    renderer's own (JSON values); each renderer documents its options. `files_at_once` is how many files of a
    `FileRenderer` are made at once, 0 for a renderer of frames. `api_key` is the secret of a server.
    """

    name: str
    location: str
    _: KW_ONLY
    renderer: str = DEFAULT_RENDERER
    revision: str | None = None
    dtype: str = "auto"
    cache_folder: Path | None = None
    weights: Path | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    files_at_once: int = 0
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSource:
    """A LoRA of a job: where its file is, how strongly it changes the model, and which network of it.

    `location` is a file or a folder; `weight_file` is the file in it, empty for the only one of a folder.
    `sha256` is that of the file as the catalogue states it, empty if it states none.
    """

    name: str
    location: str
    weight: float
    network: str
    licence: str
    weight_file: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFacts:
    """What was loaded, for the runtime of the attempt. `size_bytes` is the size of the weights.

    `options` are those of the model's entry that the renderer follows.

    `loras` are those that change the model. `profile` is that of the job, None for the model as it is.

    `placement` names where the networks are and how frames are decoded, as docs/memory.md lists it, and
    `placement_reason` says why, for people. `upscaler` enlarges the frames; None for nothing.
    """

    revision: str
    libraries: Mapping[str, str]
    device: str
    hardware: str
    dtype: str
    seconds: float
    size_bytes: int
    scheduler: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    placement: str = ""
    placement_reason: str = ""
    upscaler: UsedUpscaler | None = None
    loras: tuple[UsedLora, ...] = ()
    profile: UsedProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A picture or a video that a scene starts from: a plain file, made for this attempt.

    Users made its content. Only the inference process decodes it. A video of `continued_frames` is the scene before:
    the scene goes on from its end, and shows none of its frames again.
    """

    role: InputRole
    path: Path
    media_type: str
    continued_frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRequest:
    """One scene to draw. Sizes in pixels; `native_*` is the model's native size, 0 for a model that takes any.

    A model with a native size draws at most that many pixels and frames. The result is enlarged to the requested size
    by whole factors (nearest neighbour, repeated frames).

    `inputs` are files that users made. Decoding one in `encode_prompt` is an error: a prefetched job has none yet.
    `sigmas` are the noise levels of the steps, empty for those of the scheduler; `flow_shift` shifts them, 0 for the
    shift of the model. A `cache` leaves out work of steps that change little.
    """

    prompt: str
    negative_prompt: str
    width: int
    height: int
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int
    native_width: int = 0
    native_height: int = 0
    native_frames: int = 0
    inputs: tuple[InputFile, ...] = ()
    sigmas: tuple[float, ...] = ()
    flow_shift: float = 0.0
    cache: StepCache | None = None


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step of a stage is done: `step` counts from 1 to `steps`.

    `preview`, if there is one, draws the current state of the scene as a small JPEG, or returns None if it cannot. It
    may be called only while the report is observed, and it costs time: the observer decides how often. `settle`, if
    there is one, waits until the device has done the step, so that the preview alone is measured.
    """

    stage: str
    step: int
    steps: int
    preview: Callable[[], bytes | None] | None = None
    settle: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt is encoded; `cached` if it was encoded before. `words` are those that the model does not know."""

    cached: bool
    words: VocabularyMatch = field(default_factory=VocabularyMatch)


@dataclass(frozen=True, slots=True)
class HeldMemory:
    """Bytes of a device that models hold between scenes, and bytes of host memory."""

    device: int = 0
    host: int = 0

    def __add__(self, other: HeldMemory) -> HeldMemory:
        return HeldMemory(self.device + other.device, self.host + other.host)


class OtherModels(Protocol):
    """The other models that are loaded in this process, as the renderer of one model sees them."""

    @property
    def host_budget(self) -> int:
        """Bytes of host memory that all loaded models may hold together."""
        ...

    def held(self) -> HeldMemory:
        """Return what the others hold."""
        ...

    def close_until(self, suffices: Callable[[HeldMemory], bool]) -> bool:
        """Close one after the other, first the one that was used longest ago. Return whether one was closed.

        Stop once `suffices` returns True for what the rest holds.
        """
        ...


class NoOtherModels:
    """The others of a model that is alone in its process."""

    host_budget = 0

    def held(self) -> HeldMemory:
        return HeldMemory()

    def close_until(self, suffices: Callable[[HeldMemory], bool]) -> bool:
        return False


Observe: TypeAlias = Callable[[StepReport], None]
ShouldStop: TypeAlias = Callable[[], bool]


@runtime_checkable
class PromptCaching(Protocol):
    """A renderer that remembers prompts, and can forget them."""

    def forget_prompts(self, unused_seconds: float) -> None:
        """Drop the prompts that were not used for so long."""
        ...


@runtime_checkable
class DeviceUser(Protocol):
    """A renderer whose device can stop working for this process while the process runs on, as a GPU does."""

    def has_lost_device(self) -> bool:
        """Return True if the device takes no more work from this process, as after a failed assertion on a GPU."""
        ...


@runtime_checkable
class PlacedRenderer(Protocol):
    """A renderer that changes where its networks are, so that a scene fits its device."""

    def current_facts(self) -> LoadedFacts:
        """Return the facts as they are now, after the last scene or as the next one begins."""
        ...


@runtime_checkable
class LoraUser(Protocol):
    """A renderer whose model LoRAs may change."""

    def use_loras(self, loras: Sequence[LoraSource]) -> tuple[UsedLora, ...]:
        """Let these change the model from the next scene on, and no others. Return them, as they are recorded.

        Those of weight 0 do not change it, and are not returned. Raises RenderFailed.
        """
        ...


@runtime_checkable
class MemorySharer(Protocol):
    """A renderer whose model may stay loaded beside others: it knows what memory it needs, and lets others make room.

    A model of any other renderer is alone in its process.
    """

    def share_memory(self, others: OtherModels) -> None:
        """Take the other models of this process. Called before `load`."""
        ...

    def held_memory(self) -> HeldMemory:
        """Return what the model holds now."""
        ...


@runtime_checkable
class SoundMaker(Protocol):
    """A renderer whose model may make sound with the frames."""

    def take_sound(self) -> Sound | None:
        """Return the sound of the scene that was rendered last, once; None if it has none.

        It starts with the first frame. It may be longer or shorter than the frames: the rest is cut off, or silent.
        """
        ...


class Renderer(Protocol):
    """Draws scenes with one model. Every method raises `RenderFailed` if it cannot do its work."""

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        """Load the model onto `device` (`auto`, `cpu`, `cuda:0`, `mps`). Called once, before anything else."""
        ...

    def encode_prompt(self, request: SceneRequest) -> EncodedPrompt:
        """Compute the prompt's embedding and cache it for `render`."""
        ...

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        """Draw the scene. Yields runs of frames as they are decoded, `request.frames` in all.

        Reports `denoise` steps, then `decode` steps (frames). Calls `should_stop` between steps and between runs, and
        raises `RenderCancelled` when it returns True. The same request gives the same frames. After `RenderAgain` the
        same call is made once more, and its frames replace those before.
        """
        ...

    def close(self) -> None:
        """Free the memory of the model. Nothing else is called afterwards."""
        ...
