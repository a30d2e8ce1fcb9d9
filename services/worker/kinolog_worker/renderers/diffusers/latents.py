"""From latents to frames: frame by frame for Wan autoencoders, and from what a call returned for the others.

The Wan decoder is causal in time: it processes latent frames in order and carries what it needs of the past in a
feature map. Driven here one latent frame at a time, it returns bit for bit what its own `decode` returns, but the first
frames are available after the first latent frame. This relies on private attributes of diffusers, whose version is
pinned; a test compares both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from diffusers.models.autoencoders import autoencoder_kl_wan

from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.modular.minimax_decoding import clip_runs, decodes_clips
from kinolog_worker.renderers.renderer import RenderFailed

_wan: Any = autoencoder_kl_wan  # untyped in part
_RUN_FRAMES = 8


def denormalized(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Return latents in the scale of the autoencoder from latents in the scale of the denoiser.

    Both have the shape (batch, channels, frames, height, width).
    """
    latents = latents.to(vae.device, vae.dtype)
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(latents.device, latents.dtype)
    deviation = 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(latents.device, latents.dtype)
    return latents / deviation + mean


@torch.no_grad()
def decode_runs(vae: Any, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """Decode one latent frame, or clip, after the other. Yields videos (batch, 3, frames, height, width), -1 to 1."""
    if decodes_clips(vae):
        yield from clip_runs(vae, latents)
        return
    vae.clear_cache()
    try:
        prepared = vae.post_quant_conv(latents)
        for index in range(prepared.shape[2]):
            vae._conv_idx = [0]
            first = {"first_chunk": True} if index == 0 else {}
            run = vae.decoder(
                prepared[:, :, index : index + 1], feat_cache=vae._feat_map, feat_idx=vae._conv_idx, **first
            )
            if vae.config.patch_size is not None:
                run = _wan.unpatchify(run, patch_size=vae.config.patch_size)
            yield torch.clamp(run, min=-1.0, max=1.0)
    finally:
        vae.clear_cache()


def latents_of_a_run(vae: Any) -> int:
    """Return how many latent frames `decode_runs` makes a run of."""
    return int(vae.tokens_chunk_size) if decodes_clips(vae) else 1


def frames_of_tensor(video: torch.Tensor) -> Frames:
    """Return the first video of a batch as frames (frames, height, width, 3), 0 to 255, from -1 to 1."""
    scaled = ((video[0].permute(1, 2, 3, 0).float() + 1) * 127.5).round().clamp(0, 255)
    frames: Frames = scaled.to(torch.uint8).cpu().numpy()
    return frames


def middle_frame(vae: Any, latents: torch.Tensor) -> Frames:
    """Return the middle latent frame, decoded alone, shape (height, width, 3)."""
    middle = latents.shape[2] // 2
    with torch.no_grad():
        video = next(decode_runs(vae, denormalized(vae, latents[:1, :, middle : middle + 1])))
    middle_picture: Frames = frames_of_tensor(video)[0]
    return middle_picture


def decoded_video(output: Any) -> torch.Tensor:
    """Return the video of a pipeline's output, floats 0 to 1, shape (frames, 3, height, width)."""
    video = output.frames[0] if hasattr(output, "frames") else output.video
    return video if isinstance(video, torch.Tensor) else torch.from_numpy(video).permute(0, 3, 1, 2)


def frame_runs(video: torch.Tensor) -> Iterator[Frames]:
    """Yield a decoded video of floats 0 to 1, shape (frames, 3, height, width), as runs of a few frames.

    Floats become bytes on the device of the video. Raises RenderFailed for numbers that no byte stands for.
    """
    for start in range(0, len(video), _RUN_FRAMES):
        floats = video[start : start + _RUN_FRAMES]
        check_numbers(floats)
        run = (floats.float() * 255).round().clamp(0, 255).to(torch.uint8)
        frames: Frames = run.permute(0, 2, 3, 1).cpu().numpy()
        yield frames


def is_finite(decoded: Any) -> bool:
    """Return whether what a decoder returns, maybe with more beside it, has neither infinities nor NaN.

    It is read once, on its device, and nothing of its size is made.
    """
    numbers = decoded[0] if isinstance(decoded, tuple) else decoded
    if not isinstance(numbers, torch.Tensor) or not numbers.numel():
        return True
    lowest, highest = torch.aminmax(numbers)  # NaN, if there is one
    return bool((lowest.isfinite() & highest.isfinite()).item())


def check_numbers(decoded: Any) -> None:
    """Raise RenderFailed for decoded frames with infinities or NaN. As bytes they would be specks, or black."""
    if not is_finite(decoded):
        raise RenderFailed(
            "PICTURE_WRONG",
            "numbers of a frame are infinite or none (NaN): the model computed no picture",
            retryable=False,
        )
