"""A modular pipeline that is called like an ordinary one: with a callback, and with one output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeAlias

import torch
from diffusers.modular_pipelines import modular_pipeline as _modular

from kinolog_worker.renderers.diffusers.modular.remembered_texts import texts_of, with_remembered_texts
from kinolog_worker.renderers.renderer import RenderFailed

_modular_blocks: Any = _modular  # untyped in part
StepCallback: TypeAlias = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ModularOutput:
    """What a call made: `frames` holds its one video, `audio` its sound and `sampling_rate` the rate of it in Hz."""

    frames: list[Any]
    audio: Any = None
    sampling_rate: int | None = None


class DrivenPipeline:
    """Mixed into the class of a modular pipeline.

    `accepted` are the names of its inputs, `num_timesteps` the steps of the running call, None before the first. The
    height is passed with a `height_margin`.
    """

    _blocks: Any
    _by_inputs: Mapping[frozenset[str], Any] = {}
    _pictures: frozenset[str] = frozenset()
    _on_step_end: StepCallback | None = None
    num_timesteps: int | None = None
    height_margin: float = 0.0

    def drive(self, by_inputs: Mapping[frozenset[str], Any], *, remembers_texts: bool) -> None:
        """Run these blocks in calls, by the names of the pictures and videos that a call is given."""
        if remembers_texts:
            by_inputs = {names: with_remembered_texts(blocks) for names, blocks in by_inputs.items()}
            self.encode_prompt = lambda **inputs: texts_of(self._blocks).encode(self, inputs)
        self._by_inputs = by_inputs
        self._pictures = frozenset(name for names in by_inputs for name in names)

    @property
    def accepted(self) -> frozenset[str]:
        return frozenset(name for blocks in self._by_inputs.values() for name in blocks.input_names)

    def __call__(self, *, callback_on_step_end: StepCallback | None = None, **inputs: Any) -> ModularOutput:
        self._on_step_end = callback_on_step_end
        given = frozenset(inputs.keys() & self._pictures)
        if given not in self._by_inputs:
            raise RenderFailed(
                "INPUT_UNSUPPORTED",
                f"this model takes no {' and no '.join(sorted(given))}",
                retryable=False,
            )
        self._blocks = self._by_inputs[given]
        pipeline: Any = super()  # the class that it is mixed into
        if self.height_margin:
            inputs["height"] += self.height_margin
        try:
            state = pipeline.__call__(**inputs)
        finally:
            self._on_step_end = None
        videos = state.get("videos")
        video = videos if getattr(videos, "ndim", 0) == 4 else videos[0]  # Cosmos 3 returns no batch
        return ModularOutput([video], state.get("audio"), state.get("sampling_rate"))

    def prepare_latents(self) -> None:
        """Do nothing: the place where a call goes on from its prompts."""

    def set_progress_bar_config(self, **configuration: Any) -> None:
        """Configure the bars of all loops. The class configures those of the first level alone."""
        for loop in self._loops():
            loop.set_progress_bar_config(**configuration)

    def report_steps(self) -> None:
        """Let the loops of the pipeline tell of each turn, which is a step."""
        for loop in self._loops():
            loop.loop_step = self._reporting(loop.loop_step)

    def _loops(self) -> Iterator[Any]:
        """Yield the loops of all blocks, which may share some."""
        blocks = {id(block): block for used in self._by_inputs.values() for block in _all_blocks(used)}
        return (
            block
            for block in blocks.values()
            if isinstance(block, _modular_blocks.LoopSequentialPipelineBlocks)
        )

    def _reporting(self, loop_step: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(loop_step)
        def reporting(components: Any, state: Any, **position: Any) -> Any:
            before = dict(vars(state))
            components, state = loop_step(components, state, **position)
            timesteps = getattr(state, "timesteps", None)
            self.num_timesteps = len(state.sigmas) - 1 if timesteps is None else len(timesteps)
            if self._on_step_end is not None:
                values = _changed_tensors(before, vars(state)) | {"latents": state.latents}
                replaced = self._on_step_end(self, position["i"], position.get("t"), values)
                for name, value in replaced.items():
                    setattr(state, name, value)
            return components, state

        return reporting


def _changed_tensors(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors, and lists of such, that a step set in the state of its loop."""
    return {
        name: value
        for name, value in after.items()
        if before.get(name) is not value and _holds_tensors(value)
    }


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(map(_holds_tensors, value))
    return isinstance(value, torch.Tensor)


def _all_blocks(block: Any) -> Iterator[Any]:
    """Yield a block and those within it."""
    yield block
    for inner in (block.sub_blocks or {}).values():
        yield from _all_blocks(inner)
