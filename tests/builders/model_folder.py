"""A model folder as the hub has them: what is loaded, and what lies beside it. Its weights are no network."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from random import Random

INDEX = {
    "_class_name": "WanPipeline",
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": [None, None],
    "vae": ["diffusers", "AutoencoderKLWan"],
}

LOADED = {
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model-00001-of-00002.safetensors",
    "text_encoder/model-00002-of-00002.safetensors",
    "text_encoder/model.safetensors.index.json",
    "tokenizer/spiece.model",
    "tokenizer/tokenizer_config.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
}
"""Paths of what kinolog loads of the folder."""


def weight_bytes(seed: int, values: int = 4_000) -> bytes:
    """Return a weight file with one tensor of so many values of 16 bits."""
    header = {"weight": {"dtype": "BF16", "shape": [values], "data_offsets": [0, 2 * values]}}
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + Random(seed).randbytes(2 * values)


def write_model(folder: Path) -> Path:
    """Write the folder: a whole model, and a pickle, a variant, a checkpoint, code and a picture beside it."""
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    texts: dict[str, object] = {
        "model_index.json": INDEX,
        "scheduler/scheduler_config.json": {"_class_name": "UniPCMultistepScheduler"},
        "text_encoder/config.json": {},
        "text_encoder/model.safetensors.index.json": {"weight_map": shards},
        "tokenizer/tokenizer_config.json": {},
        "transformer/config.json": {"_class_name": "WanTransformer3DModel"},
        "vae/config.json": {"_class_name": "AutoencoderKLWan"},
    }
    contents = {path: json.dumps(text).encode() for path, text in texts.items()}
    contents["tokenizer/spiece.model"] = b"words"
    for seed, path in enumerate(sorted(path for path in LOADED if path.endswith(".safetensors"))):
        contents[path] = weight_bytes(seed)
    contents |= {
        "README.md": b"a card",
        "examples/film.mp4": b"a film",
        "pipeline.py": b"code",
        "text_encoder/pytorch_model.bin": b"a pickle",
        "transformer/diffusion_pytorch_model.fp16.safetensors": weight_bytes(9),
        "wan.safetensors": weight_bytes(10),
    }
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder
