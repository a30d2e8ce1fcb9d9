"""A call of a pipeline for a scene, with noise from its seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.diffusers.classes.input_arguments import input_arguments
from kinolog_worker.renderers.diffusers.classes.seeded_noise import seeded_noise
from kinolog_worker.renderers.diffusers.loaded_pipeline import LoadedPipeline
from kinolog_worker.renderers.diffusers.pipeline_call import set_guidance
from kinolog_worker.renderers.renderer import SceneRequest
from kinolog_worker.renderers.scene_inputs import InputPictures


def seeded_call(
    loaded: LoadedPipeline,
    request: SceneRequest,
    canvas: Canvas,
    pictures: InputPictures,
    more: Mapping[str, Any],
    on_generator: Callable[[torch.Generator], None] = lambda _: None,
) -> Any:
    """Call the pipeline for a scene, with its inputs and more arguments, and return its output.

    `on_generator` is given the generator of its noise.
    """
    family = loaded.call.family
    set_guidance(loaded.pipe, family, request.guidance)
    with seeded_noise(request.seed, device_noise=family.device_noise and bool(pictures)) as generator:
        on_generator(generator)
        # What is decoded here becomes bytes on the device. What is not is a blank picture, which no array should copy.
        return loaded.pipe(
            **loaded.call.arguments(request, canvas),
            **input_arguments(family, pictures, canvas),
            **more,
            generator=generator,
            output_type="pt",
        )
