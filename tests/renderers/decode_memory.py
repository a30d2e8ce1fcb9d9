"""What an autoencoder holds while it decodes, from a pass without data: `python -m tests.renderers.decode_memory`.

The rows of `src/kinolog/models/memory/autoencoders.toml` come from it. It counts the values of all tensors that live at
once, on torch's device `meta`, which computes shapes alone. Weights do not count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
import torch
from kinolog_worker.renderers.diffusers.latents import decode_runs
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils import _python_dispatch
from torch.utils._pytree import tree_leaves

_d: Any = diffusers  # untyped in part
_Mode: Any = _python_dispatch.TorchDispatchMode  # untyped, as is this
_weak: Any = StorageWeakRef

RELEASED: dict[str, dict[str, Any]] = {
    "AutoencoderKLWan": {},
    "AutoencoderKLHunyuanVideo": {},
    "AutoencoderKLHunyuanVideo15": {},
    "AutoencoderKLCogVideoX": {"block_out_channels": (128, 256, 256, 512), "latent_channels": 16},
    "AutoencoderKLLTXVideo": {},
    "AutoencoderKLLTX2Video": {},
    "AutoencoderKLMochi": {},
    "AutoencoderKLCosmos": {},
    "AutoencoderKL": {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "layers_per_block": 2,
        "latent_channels": 4,
    },
    "AutoencoderDC": {},
}
"""Configurations of released autoencoders, where they differ from the defaults of the class."""


class LiveValues(_Mode):  # type: ignore[misc] # its base is untyped
    """Counts the bytes of the tensors that live at once in its block. `peak_bytes` is the most."""

    def __init__(self) -> None:
        super().__init__()
        self._living: dict[int, tuple[Any, int]] = {}
        self.peak_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self._living = {key: living for key, living in self._living.items() if not living[0].expired()}
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._living.setdefault(storage._cdata, (_weak(storage), storage.nbytes()))
        self.peak_bytes = max(self.peak_bytes, sum(size for _, size in self._living.values()))
        return made


def decode_values(autoencoder: str, latents: tuple[int, ...]) -> int:
    """Return the values that a class holds while it decodes latents of this shape."""
    with torch.device("meta"):
        vae = getattr(_d, autoencoder)(**RELEASED[autoencoder])
        tensor = torch.zeros(latents)
    decode: Callable[[Any], Any] = vae.decode
    if autoencoder == "AutoencoderKLWan":
        decode = lambda taken: list(map(len, decode_runs(vae, taken)))  # noqa: E731 - one of several ways
    elif autoencoder.startswith("AutoencoderKLLTX"):
        decode = lambda taken: vae.decode(taken, None)  # noqa: E731
    with torch.no_grad(), LiveValues() as living:
        decode(tensor)
    return int(living.peak_bytes // tensor.element_size())


SHAPES: dict[str, tuple[int, int, int, int]] = {
    "AutoencoderKLWan": (16, 3, 4, 8),
    "AutoencoderKLHunyuanVideo": (16, 5, 4, 8),
    "AutoencoderKLHunyuanVideo15": (32, 3, 4, 16),
    "AutoencoderKLCogVideoX": (16, 5, 4, 8),
    "AutoencoderKLLTXVideo": (128, 3, 8, 32),
    "AutoencoderKLLTX2Video": (128, 3, 8, 32),
    "AutoencoderKLMochi": (12, 5, 6, 8),
    "AutoencoderKLCosmos": (16, 3, 8, 8),
    "AutoencoderKL": (4, 2, 1, 8),
    "AutoencoderDC": (32, 2, 1, 32),
}
"""Channels and frames of the latents that a measurement decodes, and how much smaller they are in time and space."""


def measured_values(autoencoder: str, side: int = 256) -> tuple[int, int, int]:
    """Return the values that a class holds for a square clip, the pixels of a frame, and the frames."""
    channels, latent_frames, temporal, spatial = SHAPES[autoencoder]
    small = side // spatial
    shape = (
        (latent_frames, channels, small, small)
        if temporal == 1
        else (1, channels, latent_frames, small, small)
    )
    frames = latent_frames if temporal == 1 else (latent_frames - 1) * temporal + 1
    return decode_values(autoencoder, shape), side * side, frames


if __name__ == "__main__":
    for name in RELEASED:
        values, pixels, count = measured_values(name)
        print(f"{name}: {values / pixels:.0f} for each pixel of a frame, {count} frames")
