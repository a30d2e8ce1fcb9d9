"""LoRAs for tiny pipelines, made as people make them: with peft, saved by diffusers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import diffusers
import torch

from kinolog.models.families import families
from kinolog.models.model_index import pipeline_class

_d: Any = diffusers
_p: Any = import_module("peft")  # untyped in part
FILE = "pytorch_lora_weights.safetensors"
_LAYERS = ["to_q", "to_k", "to_v", "to_out.0"]


def write_lora(
    model: Path, folder: Path, *, network: str = "", rank: int = 4, alpha: int = 8, weights_seed: int = 1
) -> Path:
    """Write a LoRA with random weights for a network of the pipeline in a folder. Return its file."""
    pipeline = str(pipeline_class(str(model)))
    network = network or families()[pipeline].loras[0]
    kind = getattr(_d, pipeline)
    index = kind.load_config(model)
    changed = getattr(_d, index[network][1]).from_pretrained(model, subfolder=network)
    torch.manual_seed(weights_seed)
    changed.add_adapter(
        _p.LoraConfig(r=rank, lora_alpha=alpha, init_lora_weights=False, target_modules=_LAYERS)
    )
    layers = f"{network.removesuffix('_2')}_lora_layers"
    kind.save_lora_weights(
        folder,
        **{layers: _p.get_peft_model_state_dict(changed)},
        **{layers.replace("layers", "adapter_metadata"): changed.peft_config["default"].to_dict()},
    )
    return folder / FILE
