"""A tiny Swin2SR with random weights, of the real class, in a folder as the hub has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from kinolog_worker.renderers.upscaler import UpscalerSource

_library: Any = transformers


def tiny_upscaler(folder: Path, *, offset: float = 0.0) -> Path:
    """Write the upscaler into a folder and return it. Its numbers are larger by `offset`."""
    torch.manual_seed(0)
    configuration = _library.Swin2SRConfig(
        embed_dim=12, depths=[2], num_heads=[2], num_layers=1, window_size=8, upscale=2, image_size=16
    )
    network = _library.Swin2SRForImageSuperResolution(configuration)
    with torch.no_grad():
        network.swin2sr.first_convolution.bias += offset
    network.save_pretrained(folder)
    return folder


def tiny_upscaler_source(folder: Path) -> UpscalerSource:
    """Return where the upscaler in a folder comes from."""
    return UpscalerSource(
        name="tiny-x2", location=str(folder), scale=2, tile=256, overlap=32, licence="apache-2.0"
    )
