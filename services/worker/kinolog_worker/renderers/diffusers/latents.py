"""From latents to pictures: frame after frame for Wan autoencoders, all at once for the others.

The Wan decoder is causal in time: it goes through latent frames in order and carries what it needs of the past in
a feature map. Driven from here one latent frame at a time it gives bit for bit what its own `decode` gives, but the
first pictures come after the first latent frame. It relies on insides of diffusers, whose version is pinned; a test
holds both ways against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders import autoencoder_kl_wan

from kinolog_worker.renderers.diffusers.pipeline_loader import is_wan_autoencoder
from kinolog_worker.renderers.renderer import Frames

_wan: Any = autoencoder_kl_wan  # untyped in part


def can_stream(pipe: Any) -> bool:
    """Whether the pipeline's latents can be decoded frame after frame."""
    return type(pipe).__name__ == "WanPipeline" and is_wan_autoencoder(pipe.vae) and not pipe.vae.use_tiling


def denormalized(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Latents as the autoencoder made them, from latents as the denoiser sees them (batch, channels, frames, h, w)."""
    latents = latents.to(vae.device, vae.dtype)
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(latents.device, latents.dtype)
    deviation = 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(latents.device, latents.dtype)
    return latents / deviation + mean


@torch.no_grad()
def decoded_runs(vae: Any, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """Decode latent frame by latent frame: yields videos (batch, 3, frames, height, width), -1 to 1."""
    vae.clear_cache()
    try:
        prepared = vae.post_quant_conv(latents)
        for place in range(prepared.shape[2]):
            vae._conv_idx = [0]
            first = {"first_chunk": True} if place == 0 else {}
            run = vae.decoder(
                prepared[:, :, place : place + 1], feat_cache=vae._feat_map, feat_idx=vae._conv_idx, **first
            )
            if vae.config.patch_size is not None:
                run = _wan.unpatchify(run, patch_size=vae.config.patch_size)
            yield torch.clamp(run, min=-1.0, max=1.0)
    finally:
        vae.clear_cache()


def pictures_of(video: torch.Tensor) -> Frames:
    """Pixels of the first video of a batch: (frames, height, width, 3), 0 to 255, from -1 to 1."""
    scaled = ((video[0].permute(1, 2, 3, 0).float() + 1) * 127.5).round().clamp(0, 255)
    frames: Frames = scaled.to(torch.uint8).cpu().numpy()
    return frames


def pictures_in(video: Any) -> Iterator[Frames]:
    """Pixels of a decoded video of floats 0 to 1, (frames, height, width, 3), a few frames at a time."""
    for start in range(0, len(video), 8):
        run = np.asarray(video[start : start + 8])
        yield np.rint(run * 255).clip(0, 255).astype(np.uint8)


class CleanEstimate:
    """Guesses, while denoising, what the latents will be at the end: what previews are drawn from.

    A scheduler that keeps its estimates of the clean sample is asked for the latest. For other flow schedulers two
    successive latents give the direction of the flow, and following it to time 0 gives the estimate.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._before: torch.Tensor | None = None

    def after_step(self, index: int, latents: torch.Tensor) -> torch.Tensor:
        """The estimate after step `index` (from 0) gave these latents; the latents themselves when there is none."""
        before, self._before = self._before, latents
        outputs = getattr(self._scheduler, "model_outputs", None)
        if outputs and getattr(self._scheduler.config, "predict_x0", False):
            kept = outputs[-1]
            if isinstance(kept, torch.Tensor) and kept.shape == latents.shape:
                return kept
        sigmas = getattr(self._scheduler, "sigmas", None)
        flows = "Flow" in type(self._scheduler).__name__
        if before is None or sigmas is None or not flows or index + 1 >= len(sigmas):
            return latents
        now, then = float(sigmas[index + 1]), float(sigmas[index])
        return latents if now == then else latents - now * (latents - before) / (now - then)
