"""CogVideoX: 2 B with DDIM, 5 B with DPM and rotary embeddings, 1.5 with patches in time."""

from __future__ import annotations

from typing import Any

import diffusers

from tests.renderers.tiny.text import t5, tokenizer
from tests.renderers.tiny.weights import network

_d: Any = diffusers  # untyped in part


def _autoencoder() -> Any:
    return network(
        _d.AutoencoderKLCogVideoX,
        in_channels=3,
        out_channels=3,
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
    )


def _transformer(*, channels: int = 4, temporal_patch: int | None = None, rotary: bool = True) -> Any:
    side = 32 if temporal_patch else 8
    return network(
        _d.CogVideoXTransformer3DModel,
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=channels,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=32,
        num_layers=1,
        sample_width=side,
        sample_height=side,
        sample_frames=9,
        patch_size=2,
        patch_size_t=temporal_patch,
        temporal_compression_ratio=4,
        max_text_seq_length=226,
        use_rotary_positional_embeddings=rotary,
    )


def _parts() -> dict[str, Any]:
    return {
        "vae": _autoencoder(),
        "scheduler": _d.CogVideoXDPMScheduler(),
        "text_encoder": t5(),
        "tokenizer": tokenizer(226),
    }


def cogvideox_2b() -> Any:
    parts = _parts() | {"scheduler": _d.CogVideoXDDIMScheduler()}
    return _d.CogVideoXPipeline(**parts, transformer=_transformer(rotary=False))


def cogvideox_5b() -> Any:
    return _d.CogVideoXPipeline(**_parts(), transformer=_transformer())


def cogvideox_15() -> Any:
    return _d.CogVideoXPipeline(**_parts(), transformer=_transformer(temporal_patch=2))


def cogvideox_i2v() -> Any:
    return _d.CogVideoXImageToVideoPipeline(**_parts(), transformer=_transformer(channels=8))


def cogvideox_fun_control() -> Any:
    """Return a CogVideoX Fun: the encoded control video is the second half of its input."""
    parts = _parts() | {"scheduler": _d.CogVideoXDDIMScheduler()}
    return _d.CogVideoXFunControlPipeline(**parts, transformer=_transformer(channels=8))


def cogvideox_v2v() -> Any:
    return _d.CogVideoXVideoToVideoPipeline(**_parts(), transformer=_transformer())
