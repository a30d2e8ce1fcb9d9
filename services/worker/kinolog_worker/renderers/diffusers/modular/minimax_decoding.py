"""Decodes latents of MiniMax-H3 clip by clip: 17 frames at a time, as they are done.

Each clip is longer than it lasts, and the next one fades in over its end. Driven here one clip after the other, the
autoencoder returns bit for bit what its own `decode` returns, for numbers of frames of 17n+5. This relies on private
attributes of diffusers, whose version is pinned; a test compares both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import diffusers
import torch

_library: Any = diffusers  # untyped in part
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The autoencoder returns colours less their mean in a collection of pictures, over their deviation."""


def decodes_clips(vae: object) -> bool:
    """Return True for an autoencoder that decodes in clips which fade into each other."""
    return isinstance(vae, _library.AutoencoderKLMiniMaxH3) and vae.config.token_drop > 0


def clip_runs(vae: Any, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """Decode one clip after the other. Yields videos (batch, 3, frames, height, width), -1 to 1."""
    tokens, padding = vae.tokens_chunk_size, vae.frame_pre_padding
    frames = tokens * vae.temporal_compression_ratio
    clips = (latents.shape[2] + vae.config.token_drop) // tokens - 1
    ending = None
    for start in range(0, clips * tokens, tokens):
        decoded = vae._decode_clip(latents[:, :, start : start + tokens + vae.token_overlap])
        clip = decoded[:, :, padding:frames]
        yield _colours(clip if ending is None else vae._blend(ending, clip, vae.frame_overlap, dim=-3))
        ending = decoded[:, :, frames + padding :]
    yield _colours(ending)


def _colours(video: Any) -> torch.Tensor:
    """Return the colours of a video, -1 to 1, from what the autoencoder made."""
    mean, deviation = (
        torch.tensor(values, device=video.device).view(1, -1, 1, 1, 1) for values in (_MEAN, _DEVIATION)
    )
    coloured: torch.Tensor = video.float() * deviation + mean
    return coloured.clamp(0, 1) * 2 - 1
