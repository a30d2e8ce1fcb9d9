"""Reports of a scene's steps to the process of the worker, with previews."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch

from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.diffusers.latents import CleanEstimate, preview_jpeg
from kinolog_worker.renderers.diffusers.loaded_pipeline import LoadedPipeline
from kinolog_worker.renderers.renderer import Observe, RenderCancelled, SceneRequest, ShouldStop, StepReport

ObserveStep: TypeAlias = Callable[[int, torch.Tensor | None], None]
"""Called with the number of steps that are done, and with the latents if the seam has them. May raise."""


def step_observer(
    loaded: LoadedPipeline, request: SceneRequest, canvas: Canvas, observe: Observe, should_stop: ShouldStop
) -> ObserveStep:
    """Return what reports each step, with a preview where one can be drawn, and raises if the scene is cancelled."""
    pipe = loaded.pipe
    estimate = CleanEstimate(getattr(pipe, "scheduler", None))
    previews = loaded.call.family.previews and loaded.autoencoder.streams

    def observe_step(done: int, latents: torch.Tensor | None) -> None:
        if should_stop():
            raise RenderCancelled
        preview = None
        if previews and latents is not None:
            clean = estimate.after_step(done - 1, latents)

            def preview() -> bytes:
                return preview_jpeg(pipe.vae, clean)

        observe(StepReport("denoise", done, max(done, loaded.call.steps(pipe, request, canvas)), preview))

    return observe_step
