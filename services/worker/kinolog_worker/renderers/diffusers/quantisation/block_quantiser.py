"""Lets diffusers quantise each layer of a denoiser as it reads the weights of that layer.

So the host never holds the whole network in 16 bits, which it may have no memory for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import torch
from diffusers.quantizers import auto, base

from kinolog.models.memory.placement import WeightPlacement
from kinolog_worker.renderers.diffusers.quantisation.layers import (
    is_quantisable,
    is_stored_in_float8,
    quantise_layer,
)

_base: Any = base  # untyped
_auto: Any = auto


class QuantisingMethod(StrEnum):
    """The name by which diffusers finds `BlockQuantiser`."""

    IN_BLOCKS = "kinolog_in_blocks"


class BlockQuantisation:
    """What `from_pretrained` takes as `quantization_config`: the placement, and the device of quantised layers."""

    quant_method = QuantisingMethod.IN_BLOCKS

    def __init__(self, weights: WeightPlacement, device: torch.device) -> None:
        self.weights = weights
        self.device = device

    def to_dict(self) -> dict[str, str]:
        """Return what diffusers shows of it."""
        return {"quant_method": self.quant_method, "weights": self.weights}


class BlockQuantiser(_base.DiffusersQuantizer):  # type: ignore[misc]
    """Quantises linear layers in blocks. The network is not marked as quantised: diffusers would refuse to move it."""

    use_keep_in_fp32_modules = True
    supports_parallel_loading = False
    is_serializable = False
    is_trainable = False

    def check_if_quantized_param(
        self, model: torch.nn.Module, param_value: torch.Tensor, param_name: str, *__: Any, **___: Any
    ) -> bool:
        """Return whether a weight belongs to a layer that is quantised."""
        name, _, leaf = param_name.rpartition(".")
        if leaf != "weight" or not is_quantisable(name, model.get_submodule(name)):
            return False
        return self.quantization_config.weights is not WeightPlacement.FLOAT8 or is_stored_in_float8(
            model, name
        )

    def create_quantized_param(
        self, model: torch.nn.Module, param_value: torch.Tensor, param_name: str, *__: Any, **___: Any
    ) -> None:
        """Give a layer its weight, quantised."""
        settings = self.quantization_config
        name = param_name.rpartition(".")[0]
        layer: Any = model.get_submodule(name)
        layer.weight = torch.nn.Parameter(param_value.to(settings.device), requires_grad=False)
        quantise_layer(model, name, settings.weights)

    def _process_model_before_weight_loading(self, model: Any, **_: Any) -> None:
        model.is_quantized = False
        del model.quantization_method

    def _process_model_after_weight_loading(self, model: Any, **_: Any) -> None:
        pass


_auto.AUTO_QUANTIZER_MAPPING[QuantisingMethod.IN_BLOCKS] = BlockQuantiser
