"""The networks of Wan 2.1 1.3B with random weights, made on the device that runs them.

They have the configurations of the published model. Speed and memory do not depend on the values of weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
import transformers

_d: Any = diffusers  # both libraries are untyped in part
_t: Any = transformers

TEXT_WIDTH = 4096
LATENT_CHANNELS = 16
FLOW_SHIFT = 3.0
"""That of the model card for 480p."""

_DENOISER = {"num_attention_heads": 12, "attention_head_dim": 128, "num_layers": 30, "ffn_dim": 8960}
_TINY_DENOISER = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "ffn_dim": 64}
_UMT5_XXL = {
    "vocab_size": 256_384,
    "d_model": TEXT_WIDTH,
    "d_kv": 64,
    "d_ff": 10_240,
    "num_layers": 24,
    "num_heads": 64,
}
_TINY_UMT5 = {"vocab_size": 64, "d_model": TEXT_WIDTH, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
_TINY_AUTOENCODER = {"base_dim": 8, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipShape:
    """Pixels and frames of the clip, and tokens of its prompt."""

    width: int
    height: int
    frames: int
    tokens: int

    @property
    def latent(self) -> tuple[int, int, int, int, int]:
        """Shape of the latents: batch, channels, frames, height, width."""
        return 1, LATENT_CHANNELS, (self.frames - 1) // 4 + 1, self.height // 8, self.width // 8

    def __str__(self) -> str:
        return f"{self.width}x{self.height}, {self.frames} frames"


def clip_shape(*, tiny: bool) -> ClipShape:
    """Return the native shape of Wan 2.1 1.3B, or a small one."""
    if tiny:
        return ClipShape(width=32, height=32, frames=9, tokens=16)
    return ClipShape(width=832, height=480, frames=81, tokens=512)


def denoiser(device: str, *, tiny: bool) -> Any:
    """Return the transformer in bfloat16, with float32 where `from_pretrained` keeps it."""
    config = _TINY_DENOISER if tiny else _DENOISER
    with _made_on(device, torch.bfloat16):
        network = _d.WanTransformer3DModel(text_dim=TEXT_WIDTH, **config)
    kept = set(network._keep_in_fp32_modules)
    for name, module in network.named_modules():
        if kept & set(name.split(".")):
            module.float()
    for name, parameter in network.named_parameters():
        if kept & set(name.split(".")):
            parameter.data = parameter.data.float()
    return network.eval().requires_grad_(False)


def autoencoder(device: str, dtype: torch.dtype, *, tiny: bool) -> Any:
    """Return the autoencoder of Wan 2.1."""
    with _made_on(device, torch.float32):
        vae = _d.AutoencoderKLWan(**(_TINY_AUTOENCODER if tiny else {}))
    return vae.to(dtype).eval().requires_grad_(False)


def text_encoder(device: str, *, tiny: bool) -> Any:
    """Return an encoder of the size of UMT5-XXL in bfloat16: 10.6 GiB."""
    config = _t.UMT5Config(
        **(_TINY_UMT5 if tiny else _UMT5_XXL),
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        use_cache=False,
    )
    with _made_on("meta", torch.bfloat16):
        encoder = _t.UMT5EncoderModel(config)
    encoder = encoder.to_empty(device=device)
    encoder.tie_weights()
    for parameter in encoder.parameters():
        parameter.data.normal_(std=0.02)
    return encoder.eval().requires_grad_(False)


def pipeline(transformer: Any, vae: Any, encoder: Any = None, tokenizer: Any = None) -> Any:
    """Return a WanPipeline of these networks with the scheduler of the model card."""
    scheduler = _d.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=FLOW_SHIFT
    )
    pipe = _d.WanPipeline(
        tokenizer=tokenizer, text_encoder=encoder, vae=vae, scheduler=scheduler, transformer=transformer
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def noise(shape: tuple[int, ...], device: str, dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Return normal noise that depends on the seed alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device, dtype)


@contextmanager
def _made_on(device: str, dtype: torch.dtype) -> Iterator[None]:
    """Make the weights of new modules on this device with this dtype, from a fixed seed."""
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)
