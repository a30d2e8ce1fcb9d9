"""Places the networks of a pipeline. It is loaded on the CPU before."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import hooks

from kinolog.models.memory.needs import DENOISERS, ENCODERS
from kinolog.models.memory.placement import QUANTISING_PACKAGES, WeightPlacement
from kinolog_worker.renderers.diffusers.quantisation.block_quantiser import BlockQuantiser
from kinolog_worker.renderers.diffusers.quantisation.layers import quantise, store_in_float8

_hooks: Any = hooks  # untyped in part


def place(pipe: Any, weights: WeightPlacement, device: torch.device) -> None:
    """Bring the networks of a pipeline to their places. Raises RenderFailed if a package is missing for that."""
    if weights is WeightPlacement.DEVICE:
        pipe.to(device)
        return
    for name, component in pipe.components.items():
        if not isinstance(component, torch.nn.Module):
            continue
        if name.startswith(ENCODERS) and getattr(component, "hf_quantizer", None) is None:
            _offload(component, device, "leaf_level")
        elif name.startswith(DENOISERS) and weights is WeightPlacement.GROUP_OFFLOAD:
            _offload(component, device, "block_level")
        else:
            if name.startswith(DENOISERS):
                reduce_weights(component, weights, device)
            component.to(device)


def _offload(network: Any, device: torch.device, level: str) -> None:
    """Keep the weights of a network in pinned host memory, and copy groups of them to the device ahead of their use."""
    _hooks.apply_group_offloading(
        network,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type=level,
        num_blocks_per_group=1,
        use_stream=device.type == "cuda",
    )


def reduce_weights(network: Any, weights: WeightPlacement, device: torch.device) -> None:
    """Give a denoiser the weights of fewer bits that its placement has, where it has not got them as it was read.

    diffusers then treats it as any other network.
    """
    if isinstance(getattr(network, "hf_quantizer", None), BlockQuantiser):
        del network.hf_quantizer
    if weights in QUANTISING_PACKAGES:
        quantise(network, weights, device)
    elif weights is WeightPlacement.FLOAT8:
        store_in_float8(network)  # before it is on the device, which may be too small for its own weights
