"""Gives linear layers in the blocks of a network weights of fewer bits, one after the other, where they will be."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import torch
from diffusers.hooks.layerwise_casting import DEFAULT_SKIP_MODULES_PATTERN

from kinolog.models.memory.placement import QUANTISING_PACKAGES, WeightPlacement
from kinolog.models.memory.weights import in_top_block
from kinolog_worker.renderers.diffusers.quantisation.packages import imported

FLOAT8 = torch.float8_e4m3fn


def quantise(network: torch.nn.Module, weights: WeightPlacement, device: torch.device) -> None:
    """Give linear layers in blocks weights of 8 or 4 bits. Those layers are on the device then, the others stay.

    Layers outside of blocks, such as embeddings and the last projection, are few and round the most: they keep their
    weights. Raises RenderFailed if the package is missing.
    """
    for name, layer in list(network.named_modules()):
        if is_quantisable(name, layer):
            layer.to(device)
            quantise_layer(network, name, weights)


def is_quantisable(name: str, layer: torch.nn.Module) -> bool:
    """Return whether a layer of this name is a linear one in a block, and not quantised yet."""
    return (
        type(layer) is torch.nn.Linear
        and type(layer.weight) is torch.nn.Parameter
        and in_top_block(f"{name}.")
    )


def store_in_float8(network: Any) -> None:
    """Keep weights in 8 bits while they do not compute, but for those of layers that diffusers leaves out."""
    dtypes = [each.dtype for each in network.parameters() if each.is_floating_point()]
    computing = min((each for each in dtypes if each.itemsize > 1), key=lambda dtype: dtype.itemsize)
    network.enable_layerwise_casting(storage_dtype=FLOAT8, compute_dtype=computing)


def is_stored_in_float8(network: Any, name: str) -> bool:
    """Return whether `store_in_float8` has weights of 8 bits for a linear layer of this name."""
    left_out = (
        *DEFAULT_SKIP_MODULES_PATTERN,
        *(network._keep_in_fp32_modules or ()),
        *(network._skip_layerwise_casting_patterns or ()),
    )
    return not any(re.search(pattern, name) for pattern in left_out)


def quantise_layer(network: torch.nn.Module, name: str, weights: WeightPlacement) -> None:
    """Quantise the weight of one layer where it is. Raises RenderFailed if the package is missing."""
    if weights is WeightPlacement.FLOAT8:
        layer: Any = network.get_submodule(name)
        layer.weight = torch.nn.Parameter(layer.weight.to(FLOAT8), requires_grad=False)
        return
    package = imported(QUANTISING_PACKAGES[weights], f"placement {weights}")
    quantised: Callable[[Any], Any] = _in_int8 if weights is WeightPlacement.INT8 else _in_nf4(package)
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, quantised(network.get_submodule(name)))


def _in_int8(layer: torch.nn.Linear) -> torch.nn.Module:
    """Give a layer weights of 8 bits with a scale for each of its outputs."""
    library: Any = import_module("torchao.quantization")
    library.quantize_(layer, library.Int8WeightOnlyConfig())
    return layer


@cache
def _in_nf4(library: Any) -> Callable[[torch.nn.Linear], torch.nn.Module]:
    """Return a function that gives a layer weights of 4 bits with a scale for each 64 of them."""

    class Linear4Bits(library.nn.Linear4bit):  # type: ignore[misc]
        """Names its argument as `torch.nn.Linear` does: some networks pass it by name."""

        def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
            output: torch.Tensor = super().forward(input)
            return output

    def quantised(layer: torch.nn.Linear) -> torch.nn.Module:
        weight = layer.weight.data
        made = Linear4Bits(
            layer.in_features,
            layer.out_features,
            bias=False,
            compute_dtype=weight.dtype,
            quant_type="nf4",
            device="meta",
        )
        made.bias = layer.bias
        made.support_avx512bf16_for_cpu = False  # its way on such a CPU takes no layer with 24 outputs
        parameter = library.nn.Params4bit(weight, requires_grad=False, quant_type="nf4", module=made)
        made.weight = parameter.to(weight.device)  # which quantises it
        return made

    return quantised
