"""Reports of a scene's steps to the process of the worker, with previews."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

import torch

from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.diffusers.device import wait_for
from kinolog_worker.renderers.diffusers.latents import middle_frame
from kinolog_worker.renderers.diffusers.loaded_pipeline import LoadedPipeline
from kinolog_worker.renderers.diffusers.previews.clean_estimate import CleanEstimate
from kinolog_worker.renderers.diffusers.previews.picture import clip_jpeg
from kinolog_worker.renderers.renderer import Observe, RenderCancelled, SceneRequest, ShouldStop, StepReport

logger = logging.getLogger(__name__)

ObserveStep: TypeAlias = Callable[[int, torch.Tensor | None], None]
"""Called with the number of steps that are done, and with the latents if the seam has them. May raise."""


@contextmanager
def step_observer(
    loaded: LoadedPipeline, request: SceneRequest, canvas: Canvas, observe: Observe, should_stop: ShouldStop
) -> Iterator[ObserveStep]:
    """Yield what reports each step, with a preview where one can be drawn, and raises if the scene is cancelled.

    A preview is the middle frame of the estimate: decoded alone where the family allows it, else by the fitted map.
    What is wrong with the estimate or the map costs the preview alone.
    """
    pipe, fitted = loaded.pipe, loaded.previews
    estimate = CleanEstimate(getattr(pipe, "scheduler", None))
    decodes = loaded.call.family.previews and loaded.autoencoder.streams

    def observe_step(done: int, latents: torch.Tensor | None) -> None:
        if should_stop():
            raise RenderCancelled
        steps = max(done, loaded.call.steps(pipe, request, canvas))
        preview = settle = None
        if latents is not None:
            estimate.after_step(latents)
            fitted.after_step(latents)
            settle = partial(wait_for, latents.device)
            if decodes or fitted.can_draw:

                def preview() -> bytes | None:
                    try:
                        clean = estimate.clean(done, steps)
                        if clean is None:
                            return None
                        if not decodes:
                            return fitted.jpeg(clean, request, canvas)
                    except Exception as error:  # of a scheduler of another kind, or of the map
                        logger.debug("there is no preview: %s", type(error).__name__)
                        return None
                    return clip_jpeg(middle_frame(pipe.vae, clean), request, canvas)

        observe(StepReport("denoise", done, steps, preview, settle))

    with estimate.followed():
        yield observe_step
