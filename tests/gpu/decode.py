"""Stage: decoding the latents of a clip with the autoencoder of Wan 2.1, in several precisions and layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.latents import decode_runs, denormalized, frames_of_tensor

from tests.gpu.context import StageContext
from tests.gpu.figures import forget_peak, peak_memory, psnr, timed
from tests.gpu.wan_models import autoencoder, clip_shape, noise

WARM_FRAMES = 3
"""Latent frames of the first decode, which warms up: every later frame has the shapes of the third one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decode:
    """A way to decode. `exact` switches TF32 off, which is on by default for the convolutions of float32."""

    name: str
    dtype: torch.dtype
    exact: bool = False
    last_channels: bool = False
    streams: bool = False
    tiles: bool = False
    searches: bool = False


_WAYS = (
    _Decode(name="float32 without TF32", dtype=torch.float32, exact=True),
    _Decode(name="float32", dtype=torch.float32),
    _Decode(name="float32, streamed", dtype=torch.float32, streams=True),
    _Decode(name="bfloat16", dtype=torch.bfloat16),
    _Decode(name="bfloat16, streamed", dtype=torch.bfloat16, streams=True),
    _Decode(
        name="bfloat16, channels last, streamed", dtype=torch.bfloat16, last_channels=True, streams=True
    ),
    _Decode(
        name="bfloat16, channels last, streamed, cuDNN searches",
        dtype=torch.bfloat16,
        last_channels=True,
        streams=True,
        searches=True,
    ),
    _Decode(name="float16, channels last, streamed", dtype=torch.float16, last_channels=True, streams=True),
    _Decode(name="float32, channels last, streamed", dtype=torch.float32, last_channels=True, streams=True),
    _Decode(name="bfloat16, tiled", dtype=torch.bfloat16, tiles=True),
)
"""The first one is the reference of the others. Streamed is what the worker does."""


def run(context: StageContext) -> None:
    """Decode the same latents in each way."""
    shape = clip_shape(tiny=context.tiny)
    latents = noise(shape.latent, context.device, torch.float32, 4)
    reference: Frames | None = None
    for way in _WAYS:
        frames: list[Frames] = []

        def work(way: _Decode = way, frames: list[Frames] = frames) -> Mapping[str, Any]:
            figures, decoded = _decoded(context, way, latents)
            frames.append(decoded)
            return {**figures, **_distance(decoded, reference)}

        context.attempt(way.name, work, seconds=4 if context.on_gpu else 0)
        if reference is None and frames:
            reference = frames[0]


def _decoded(
    context: StageContext, way: _Decode, latents: torch.Tensor
) -> tuple[Mapping[str, Any], Frames]:
    """Return seconds and memory of a decode, and its frames in memory of the host."""
    vae = autoencoder(context.device, way.dtype, tiny=context.tiny)
    if way.last_channels:
        vae = vae.to(memory_format=torch.channels_last_3d)
    if way.tiles:
        vae.enable_tiling()
    work: Callable[[torch.Tensor], Frames] = lambda part: (  # noqa: E731
        _streamed(vae, part) if way.streams else _whole(vae, part)
    )
    with _precision(exact=way.exact, searches=way.searches):
        _, first = timed(context.device, lambda: work(latents[:, :, :WARM_FRAMES]))
        forget_peak(context.device)
        frames, seconds = timed(context.device, lambda: work(latents))
    return {
        "seconds": round(seconds, 3),
        "warm_up_seconds": round(first, 3),
        "frames": len(frames),
        **peak_memory(context.device),
    }, frames


def _streamed(vae: Any, latents: torch.Tensor) -> Frames:
    """Decode as the worker does: one latent frame after the other, each converted and copied at once."""
    return np.concatenate([frames_of_tensor(run) for run in decode_runs(vae, denormalized(vae, latents))])


@torch.no_grad()
def _whole(vae: Any, latents: torch.Tensor) -> Frames:
    """Decode as diffusers does."""
    return frames_of_tensor(vae.decode(denormalized(vae, latents), return_dict=False)[0])


def _distance(frames: Frames, reference: Frames | None) -> Mapping[str, Any]:
    if reference is None:
        return {"reference": True, "pixel_mean": round(float(frames.mean()), 2)}
    ours, exact = torch.from_numpy(frames), torch.from_numpy(reference)
    return {"psnr_db": psnr(ours, exact, 255.0)}


@contextmanager
def _precision(*, exact: bool, searches: bool) -> Iterator[None]:
    """Allow TF32 in convolutions unless `exact`, and let cuDNN time its algorithms if it `searches`."""
    library = torch.backends.cudnn
    before = library.allow_tf32, library.benchmark
    library.allow_tf32, library.benchmark = not exact, searches
    try:
        yield
    finally:
        library.allow_tf32, library.benchmark = before
