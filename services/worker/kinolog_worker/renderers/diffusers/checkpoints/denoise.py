"""The denoising of a scene: from its first step, or from that of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from kinolog_worker.renderers.diffusers.checkpoints.resumed_call import ResumedCall
from kinolog_worker.renderers.diffusers.checkpoints.scene_state import (
    CheckpointUnusable,
    SceneState,
    read_scene_state,
)
from kinolog_worker.renderers.diffusers.loaded_pipeline import LoadedPipeline
from kinolog_worker.renderers.diffusers.placement.out_of_memory import is_out_of_memory
from kinolog_worker.renderers.diffusers.step_observer import ObserveStep
from kinolog_worker.renderers.diffusers.step_reports import StepValues, reported_steps
from kinolog_worker.renderers.renderer import RenderCancelled, ShouldStop
from kinolog_worker.renderers.scene_checkpoints import SceneCheckpoints


class CallPipeline(Protocol):
    """Calls the pipeline of a scene with more arguments. `on_generator` is given the generator of its noise."""

    def __call__(self, more: Mapping[str, Any], on_generator: Callable[[torch.Generator], None]) -> Any: ...


@dataclass(frozen=True, slots=True)
class SceneStart:
    """Where a scene may begin: with its `checkpoints`, under these `conditions`."""

    device: torch.device
    checkpoints: SceneCheckpoints
    conditions: Mapping[str, str]


def denoise(
    loaded: LoadedPipeline,
    call: CallPipeline,
    observe_step: ObserveStep,
    should_stop: ShouldStop,
    start: SceneStart | None,
) -> Any:
    """Call the pipeline for a scene and return its output. `start` is None for a scene without checkpoints."""
    if start is None:
        return _first_to_last_step(loaded, call, observe_step)
    earlier = _earlier_state(start)
    while True:
        resumed = ResumedCall(start.device, start.checkpoints, start.conditions, earlier)
        try:
            return _followed(loaded, call, resumed, observe_step, should_stop)
        except RenderCancelled:
            resumed.store_last()
            raise
        except Exception as error:
            if not resumed.may_be_wrong or is_out_of_memory(error):
                raise
            why = (
                str(error)
                if isinstance(error, CheckpointUnusable)
                else f"the call raised {type(error).__name__}"
            )
        start.checkpoints.refused(why)
        loaded.autoencoder.take()
        earlier = None


def _first_to_last_step(loaded: LoadedPipeline, call: CallPipeline, observe_step: ObserveStep) -> Any:
    done = 0

    def after_step(_: StepValues, latents: torch.Tensor | None) -> StepValues:
        nonlocal done
        done += 1
        observe_step(done, latents)
        return {}

    with reported_steps(loaded.pipe, loaded.call.family, after_step) as more:
        return call(more, lambda _: None)


def _followed(
    loaded: LoadedPipeline,
    call: CallPipeline,
    resumed: ResumedCall,
    observe_step: ObserveStep,
    should_stop: ShouldStop,
) -> Any:
    def after_step(values: StepValues, latents: torch.Tensor | None) -> StepValues:
        replaced = resumed.after_step(values)
        if not resumed.skips:
            observe_step(resumed.done, replaced.get("latents", latents))
        elif should_stop():
            raise RenderCancelled
        return replaced

    def take(generator: torch.Generator) -> None:
        resumed.generator = generator

    pipe = loaded.pipe
    with resumed.followed(pipe), reported_steps(pipe, loaded.call.family, after_step) as more:
        return call(more, take)


def _earlier_state(start: SceneStart) -> SceneState | None:
    """Return the state of the checkpoint to go on from; None if there is none that can be used."""
    path = start.checkpoints.earlier()
    if path is None:
        return None
    try:
        return read_scene_state(path, start.conditions)
    except CheckpointUnusable as refusal:
        start.checkpoints.refused(str(refusal))
        return None
