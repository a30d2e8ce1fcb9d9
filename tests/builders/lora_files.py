"""LoRA files for a model folder, written without torch: weights for some layers of its transformer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def write_lora_file(model: Path, target: Path, *, rank: int = 4) -> Path:
    """Write random weights for the attention of the transformer in a model folder. Return the file."""
    random, weights = np.random.default_rng(1), {}
    (source,) = (model / "transformer").glob("*.safetensors")
    with safe_open(source, framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118 - the file is no mapping
            if name.endswith(("to_q.weight", "to_v.weight")):
                layer = f"transformer.{name.removesuffix('.weight')}"
                outputs, inputs = file.get_slice(name).get_shape()
                weights[f"{layer}.lora_A.weight"] = random.normal(size=(rank, inputs)).astype(np.float32)
                weights[f"{layer}.lora_B.weight"] = random.normal(size=(outputs, rank)).astype(np.float32)
    save_file(weights, target)
    return target
