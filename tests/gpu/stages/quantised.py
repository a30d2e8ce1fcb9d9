"""Stage: one pass of the denoiser of Wan 2.1 1.3B with the worker's weights of 16, 8 and 4 bits."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from kinolog_worker.renderers.diffusers.placement.placed_networks import reduce_weights

from kinolog.models.memory.placement import LOSSY, WeightPlacement
from tests.gpu.context import StageContext
from tests.gpu.stages.figures import forget_peak, latent_difference, peak_memory, timed
from tests.gpu.stages.placements import lacks_package
from tests.gpu.stages.wan_models import TEXT_WIDTH, clip_shape, denoiser, noise

PASSES = 3
"""Passes of one reading; the last one is measured."""

READING_SECONDS = 8.0


def run(context: StageContext) -> None:
    """Measure the weights as they are, then with fewer bits."""
    reference: list[torch.Tensor] = []

    def reading(weights: WeightPlacement) -> Mapping[str, Any]:
        figures, output = _reading(context, weights)
        reference.append(output)
        return {**figures, **latent_difference(output, reference[0])}

    for weights in (WeightPlacement.DEVICE, *LOSSY):
        if lacks_package(context, weights, weights):
            continue
        needed = READING_SECONDS if context.on_gpu else 0.0
        context.attempt(weights, partial(reading, weights), seconds=needed)
        gc.collect()
        forget_peak(context.device)


@torch.no_grad()
def _reading(context: StageContext, weights: WeightPlacement) -> tuple[dict[str, Any], torch.Tensor]:
    """Return figures and the output of a network that is quantised from host memory, as the worker does it."""
    device = torch.device(context.device)
    shape = clip_shape(tiny=context.tiny)
    network = denoiser(context.device, tiny=context.tiny).cpu()
    forget_peak(context.device)

    def place() -> None:
        reduce_weights(network, weights, device)
        network.to(device)

    _, placing = timed(context.device, place)
    latents = noise(shape.latent, context.device, torch.bfloat16, 3)
    text = noise((1, shape.tokens, TEXT_WIDTH), context.device, torch.bfloat16, 1)
    timestep = torch.tensor([500], device=device)
    for _ in range(PASSES):
        output, seconds = timed(
            context.device, lambda: network(latents, timestep, text, return_dict=False)[0].float()
        )
    figures = {"pass_seconds": round(seconds, 4), "placing_seconds": round(placing, 2)}
    return {**figures, **peak_memory(context.device)}, output
