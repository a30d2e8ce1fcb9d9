"""Port: what turns a scene's words into frames.

A renderer lives in the inference process, is used by one thread, and holds one loaded model. It draws exactly the
frames asked for, at exactly the size asked for; how it rounds, crops or enlarges on the way is its own business.
Prompts may be in requests and nowhere else: not in errors, logs or reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from kinolog.models.renderers import DEFAULT_RENDERER

Frames: TypeAlias = npt.NDArray[np.uint8]
"""A run of frames: shape (frames, height, width, 3), RGB, 0 to 255."""


class RenderCancelled(Exception):
    """The caller's `should_stop` said yes; nothing more will be drawn."""


class RenderFailed(Exception):
    """A scene or a model cannot be had. `code` is for machines, the message for people (never with a prompt)."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model comes from and who drives it.

    `location` is a folder, a hub name (`owner/model`), or `embedded`. `renderer` is the name of an entry point
    in the group `kinolog.renderers`.
    `options` are the renderer's own (JSON values); each renderer documents its options.
    """

    name: str
    location: str
    renderer: str = DEFAULT_RENDERER
    revision: str | None = None
    dtype: str = "auto"
    cache_folder: Path | None = None
    allow_download: bool = False
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedFacts:
    """What was loaded, for the record of the attempt. `size_bytes` is the size of the weights."""

    revision: str
    libraries: Mapping[str, str]
    device: str
    hardware: str
    dtype: str
    seconds: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SceneRequest:
    """One scene to draw. Sizes in pixels; `native_*` is what the model was made for, 0 when it takes any.

    A model that has a native size draws at most that many pixels and frames, and the result is enlarged by whole
    factors (nearest neighbour, repeated frames) to what was asked.
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


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step of a stage done: `step` counts from 1 to `steps`.

    `preview`, when there is one, draws a small JPEG of how the scene looks by now. It may be called while the
    report is being observed and costs time: who observes decides how often it is worth it.
    """

    stage: str
    step: int
    steps: int
    preview: Callable[[], bytes] | None = None


@dataclass(frozen=True, slots=True)
class VocabularyMatch:
    """What became of words that a model does not know: left out, or taken for a near one (word, taken for).

    They are words of the prompt: for the owner of the job, never for a log of ours.
    """

    left_out: tuple[str, ...] = ()
    taken_for: tuple[tuple[str, str], ...] = ()

    @property
    def count(self) -> int:
        """How many different words that are."""
        return len(self.left_out) + len(self.taken_for)


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt is encoded; `known` when its embedding was at hand already."""

    known: bool
    words: VocabularyMatch = VocabularyMatch()


Observe: TypeAlias = Callable[[StepReport], None]
ShouldStop: TypeAlias = Callable[[], bool]


class Renderer(Protocol):
    """Draws scenes with one model. Every method raises RenderFailed with a code when it cannot."""

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        """Bring the model onto `device` (`auto`, `cpu`, `cuda:0`, `mps`). Called once, before anything else."""
        ...

    def encode_prompt(self, request: SceneRequest) -> EncodedPrompt:
        """Work out the prompt's embedding and keep it for `render`."""
        ...

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        """Draw the scene: yields runs of frames as they are decoded, `request.frames` in all.

        Reports `denoise` steps, then `decode` steps (frames). Looks at `should_stop` between steps and between
        runs, and raises RenderCancelled soon after it turned true. The same request gives the same frames.
        """
        ...

    def close(self) -> None:
        """Give back the memory of the model. Nothing else is called afterwards."""
        ...
