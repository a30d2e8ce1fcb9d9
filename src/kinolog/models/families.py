"""Families: what kinolog knows of each pipeline class of diffusers that makes video.

The table is `families.toml` beside this module. The api checks requests against it and takes defaults from it; the
diffusers renderer drives pipelines by it. A class that is not in the table is not rendered (decision 75). The
inference process reads it too, so it is read with the standard library alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from kinolog.counts import counted
from kinolog.job.rendering.profile import CacheKind
from kinolog.models.input_roles import InputRole
from kinolog.models.number_rule import ANY_NUMBER, NumberRule
from kinolog.models.table_row import RowError, row_as

GUARDRAIL = "cosmos_guardrail"
"""The package of the guardrail: a family that needs it is never drawn without."""

TABLE = Path(__file__).with_name("families.toml")


class FamilyTask(StrEnum):
    """What a family starts from."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    CONTINUE = "continue"
    CONTROL = "control"


class GuidanceKind(StrEnum):
    """How a family takes guidance.

    `scale` and `true_cfg` are arguments and run the network twice a step, `embedded` is an argument that the network
    itself takes, `guider` is a component of the pipeline, and `none` means that the class takes no guidance.
    """

    SCALE = "scale"
    TRUE_CFG = "true_cfg"
    EMBEDDED = "embedded"
    GUIDER = "guider"
    NONE = "none"


class StepReports(StrEnum):
    """Where steps are seen: the call's `callback_on_step_end`, or the scheduler of a call without one."""

    CALLBACK = "callback"
    SCHEDULER = "scheduler"


class InputForm(StrEnum):
    """How a family takes its inputs.

    `arguments`: each as one. `masked_video`: pictures as a video of EasyAnimate with a mask over the rest, `grey_video`
    as one of VACE. `conditions` and `latent_conditions`: as the conditions of LTX and LTX-2, with places in the clip.
    `placed_pictures`: as those of SparseCtrl, with the numbers of their frames.
    """

    ARGUMENTS = "arguments"
    MASKED_VIDEO = "masked_video"
    GREY_VIDEO = "grey_video"
    CONDITIONS = "conditions"
    LATENT_CONDITIONS = "latent_conditions"
    PLACED_PICTURES = "placed_pictures"


class AutoencoderDtype(StrEnum):
    """The dtype of an autoencoder on a GPU."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeVideo:
    """What the model was trained to make, by its card; the defaults of a catalogue entry that states none."""

    width: int
    height: int
    frames: int
    fps: int
    steps: int
    guidance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyInput:
    """A picture or a video that the call of a family takes, as its argument `parameter`.

    A job has `most` of them at most, and one at least unless the input is `optional`. A call that continues a video is
    given its last `context_frames`, and `skipped_frames` at the start of its result are not new. Another call is given
    as many frames of the video as it draws.
    """

    parameter: str
    optional: bool = False
    most: int = 1
    context_frames: int = 0
    skipped_frames: int = 0

    @property
    def redrawn_frames(self) -> int:
        """How many frames a call has to draw on top of those that are new."""
        return self.context_frames if self.skipped_frames else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyPackage:
    """A package that a family needs beyond those of the worker, and the extra of kinolog that installs it.

    With `component` only folders need it whose index names this class.
    """

    module: str
    extra: str
    component: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One pipeline class.

    `frames` is the rule of frame counts with the temporal factor of the released autoencoder, `most_frames` the largest
    number in one call, if there is one. Width and height are multiples of `size_multiple` pixels at least; the pipeline
    may state more. `frames_parameter`, `fps_parameter`, `guidance_parameter` and `steps_parameter` are names in its
    call, empty for what it does not take. `arguments` are passed as they are.

    With `step_stages` the steps are a list of so many equal numbers that add up to at least those of the job, else a
    number. `prompt_tokens` is the length that prompts are padded to, 0 if the call does not take it. A family without
    `negative_prompt` ignores one. A call draws in chunks of `chunk_frames`, each with all steps, or at once (0). With
    `chunk_overlap` chunks share so many frames; such a call follows a video of the whole length, and is passed that of
    a chunk.

    `flow_shift`: the scheduler has a shift that the option `flow_shift` of a model changes. `vae_dtype` is the dtype of
    its autoencoder on a GPU, and `tiling` that it decodes whole tiles and leaves the rest of a picture blank: frames
    and sides follow its tiles. `streams`: it hands all latents to `vae.decode` once and does nothing with the frames,
    so that a Wan autoencoder may decode them frame by frame. `previews`: its callback has latents of that autoencoder,
    before they are denormalized, and one frame of them is decoded for a preview. `audio` is the field of its output
    that holds sound.

    A token of its network is a square of `token_side` pixels. With `batched_guidance` the network takes both prompts in
    one pass, which doubles the memory of a step.

    A `modular` class is one of the modular pipelines of diffusers: its folder has `modular_model_index.json`, and its
    parameters are the inputs of its blocks. No job needs its `unused_parts`, nor one of its `replaced_parts` if the
    folder has the part that replaces it. With `sigmas` the steps are a list of noise levels that ends at 0: these
    for the native number of steps, levels between them for another. A call is passed `added_steps` more than it makes;
    with `fixed_steps` the folder states the steps. The first chunk of a call has `first_chunk_steps` times the steps of
    the others. A network that is `compiled` on a GPU has an attention that takes too much memory otherwise.

    `caches` are the step caches that its networks take: diffusers knows their blocks, and the call tells them which of
    its passes is which.

    A call of a family with `resumes` can go on from a step of an earlier one. The call of another holds more between
    steps than its schedulers and latents, such as what its network remembers.

    `inputs` are the pictures and videos that it takes beside the text, in the `input_form`. Of the `alternatives` among
    them a job has one. A call that starts from a noisy video makes the share `strength` of its steps. A family without
    `prompt` reads no text. With `device_noise` it draws noise on its device with the generator that it is given.
    With `sigma_lists` jobs may state the noise levels of their steps: its noise is a straight line to the clip, and it
    takes them from its scheduler alone. `loras` are the networks that LoRAs can change, the usual one first. `note` is
    what people should know of it. `unusable` says why kinolog does not drive the class.
    """

    pipeline: str
    title: str
    _: KW_ONLY
    task: FamilyTask = FamilyTask.TEXT
    frames: NumberRule = ANY_NUMBER
    most_frames: int = 0
    size_multiple: int = 16
    native: NativeVideo | None = None
    frames_parameter: str = "num_frames"
    fps_parameter: str = ""
    steps_parameter: str = "num_inference_steps"
    guidance: GuidanceKind = GuidanceKind.SCALE
    guidance_parameter: str = "guidance_scale"
    prompt: bool = True
    negative_prompt: bool = True
    prompt_tokens: int = 0
    strength: float = 0.0
    device_noise: bool = False
    chunk_frames: int = 0
    chunk_overlap: int = 0
    step_stages: int = 0
    step_reports: StepReports = StepReports.CALLBACK
    flow_shift: bool = False
    vae_dtype: AutoencoderDtype = AutoencoderDtype.FLOAT32
    tiling: bool = False
    streams: bool = False
    previews: bool = False
    audio: str = ""
    token_side: int = 16
    batched_guidance: bool = False
    modular: bool = False
    unused_parts: tuple[str, ...] = ()
    replaced_parts: Mapping[str, str] = field(default_factory=dict)
    sigmas: tuple[float, ...] = ()
    sigma_lists: bool = False
    added_steps: int = 0
    fixed_steps: bool = False
    first_chunk_steps: int = 1
    compiled: bool = False
    resumes: bool = True
    caches: tuple[CacheKind, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[FamilyPackage, ...] = ()
    inputs: Mapping[InputRole, FamilyInput] = field(default_factory=dict)
    input_form: InputForm = InputForm.ARGUMENTS
    alternatives: tuple[InputRole, ...] = ()
    loras: tuple[str, ...] = ()
    note: str = ""
    unusable: str = ""

    def __post_init__(self) -> None:
        if not self.unusable and self.native is None:
            raise RowError("a family that kinolog drives has native values")
        if not set(self.alternatives) <= set(self.inputs):
            raise RowError("alternatives are inputs")

    @property
    def takes_sigmas(self) -> bool:
        """Whether jobs may state the noise levels of their steps."""
        return self.sigma_lists or bool(self.sigmas)

    @property
    def refusal(self) -> str:
        """Why no job can be rendered with this class; empty if it can."""
        return f"{self.pipeline} is not supported: {self.unusable}" if self.unusable else ""

    def missing_inputs(self, given: Collection[InputRole]) -> str:
        """Return which inputs a job lacks that has these, as `a first picture or a video`; empty if it lacks none."""
        needed = [role for role, taken in self.inputs.items() if not taken.optional and role not in given]
        words = [f"a {role.noun}" for role in needed if role not in self.alternatives]
        if set(self.alternatives) <= set(needed):  # none of them is given
            words = [" or ".join(f"a {role.noun}" for role in self.alternatives), *words]
        return " and ".join(filter(None, words))

    def unknown_inputs(self, given: Sequence[InputRole]) -> str:
        """Return which of these inputs the family does not take, as `takes no last picture`; empty if it takes all."""
        problems = [f"takes no {role.noun}" for role in dict.fromkeys(given) if role not in self.inputs]
        for role, taken in self.inputs.items():
            if given.count(role) > taken.most:
                problems.append(f"takes at most {counted(taken.most, role.noun)}")
        if len(set(self.alternatives) & set(given)) > 1:
            words = " or ".join(f"a {role.noun}" for role in self.alternatives)
            problems.append(f"takes {words}, but not both")
        return " and ".join(problems)

    def chain_role(self, frames: int) -> InputRole | None:
        """Return the role in which a scene of so many frames is continued by the next one; None if it is not.

        It is a video that is continued, if it is long enough for that, or its last frame is a first picture. The next
        scene has nothing else, but for reference pictures.
        """
        continued = self._continued_frames
        return next((role for role, needed in continued.items() if needed <= frames), None)

    @property
    def chain_frames(self) -> int:
        """How many frames at the end of a long scene the next one goes on from; 0 if none does."""
        return max(self._continued_frames.values(), default=0)

    @property
    def _continued_frames(self) -> dict[InputRole, int]:
        """How many frames at the end of a scene are continued in each role, those of a video first."""
        video = self.inputs.get(InputRole.VIDEO)
        continued = {InputRole.VIDEO: video.context_frames} if video and video.context_frames else {}
        if InputRole.FIRST_FRAME in self.inputs:
            continued[InputRole.FIRST_FRAME] = 1
        return {
            role: frames
            for role, frames in continued.items()
            if not self.missing_inputs((role, InputRole.REFERENCE))
        }

    def redrawn_frames(self, frames: int) -> int:
        """Return how many frames the next scene draws again of one of so many frames that it goes on from."""
        role = self.chain_role(frames)
        return self.inputs[role].redrawn_frames if role is InputRole.VIDEO else int(role is not None)

    @property
    def guardrail(self) -> bool:
        """Whether it is drawn with a guardrail only, as its licence asks."""
        return any(package.module == GUARDRAIL for package in self.packages)

    @property
    def longest(self) -> int:
        """The largest number of frames in one call; 0 if there is no limit."""
        return self.most_frames or (0 if self.frames.multiple else self.frames.offset)


class FamilyTableError(ValueError):
    """The table of families is invalid. The message names the class and the key."""


def read_families(path: Path) -> dict[str, Family]:
    """Return the families of a table, by pipeline class. Raises FamilyTableError."""
    families = {}
    for pipeline, row in tomllib.loads(path.read_text(encoding="utf-8")).items():
        try:
            families[pipeline] = row_as(Family, {"pipeline": pipeline, **row})
        except (RowError, TypeError) as error:
            raise FamilyTableError(f"{path}: {pipeline}: {error}") from error
    return families


@cache
def families() -> Mapping[str, Family]:
    """Return the families that kinolog knows, by pipeline class."""
    return read_families(TABLE)


def refusal_of(pipeline: str) -> str:
    """Return why no job can be rendered with a pipeline class; empty if one can."""
    family = families().get(pipeline)
    return f"{pipeline} is no text-to-video pipeline that kinolog knows" if family is None else family.refusal
