"""Stage: decoding the latents of a clip with the autoencoder of Wan 2.1, in several precisions and layouts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.latents import decode_runs, denormalized, frames_of_tensor

from tests.gpu.context import StageContext
from tests.gpu.stages.figures import forget_peak, peak_memory, psnr, timed
from tests.gpu.stages.wan_models import autoencoder, clip_shape, noise

WARM_FRAMES = 3
"""Latent frames of the first decode, which warms up: every later frame has the shapes of the third one."""

READING_SECONDS = 5.0
COMPILE_SECONDS = 60.0
"""Least time with which a reading is begun, without and with compilation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decode:
    """A way to decode. `exact` switches TF32 off, which is on by default for the convolutions of float32.

    `compiles` names the class of modules that are compiled.
    """

    name: str
    dtype: torch.dtype
    exact: bool = False
    last_channels: bool = False
    streams: bool = False
    tiles: bool = False
    compiles: str = ""


_WAYS = (
    _Decode(name="float32 without TF32", dtype=torch.float32, exact=True),
    _Decode(name="float32", dtype=torch.float32),
    _Decode(name="float32, streamed", dtype=torch.float32, streams=True),
    _Decode(name="float32, channels last, streamed", dtype=torch.float32, last_channels=True, streams=True),
    _Decode(name="bfloat16, streamed", dtype=torch.bfloat16, streams=True),
    _Decode(name="bfloat16, channels last, streamed", dtype=torch.bfloat16, last_channels=True, streams=True),
    _Decode(name="float16, streamed", dtype=torch.float16, streams=True),
    _Decode(name="float16, channels last, streamed", dtype=torch.float16, last_channels=True, streams=True),
    _Decode(name="float16, tiled", dtype=torch.float16, tiles=True),
    _Decode(
        name="float16, channels last, streamed, norms compiled",
        dtype=torch.float16,
        last_channels=True,
        streams=True,
        compiles="WanRMS_norm",
    ),
)
"""The first one is the reference of the others. Streamed is what the worker does."""


def run(context: StageContext) -> None:
    """Decode the same latents in each way."""
    decoder = _Decoder(context)
    for way in _WAYS:
        if way.compiles and not context.on_gpu:
            context.record(way.name, "skipped", reason="needs a GPU")
            continue
        needed = (COMPILE_SECONDS if way.compiles else READING_SECONDS) if context.on_gpu else 0.0
        context.attempt(way.name, partial(decoder.reading, way), seconds=needed)


class _Decoder:
    """Decodes the same latents in several ways and compares the frames with those of the first one."""

    def __init__(self, context: StageContext) -> None:
        self._device = context.device
        self._tiny = context.tiny
        self._latents = noise(clip_shape(tiny=context.tiny).latent, context.device, torch.float32, 4)
        self._reference: Frames | None = None

    def reading(self, way: _Decode) -> Mapping[str, Any]:
        """Return seconds and memory of a decode, and how far its frames are from the reference."""
        vae = autoencoder(self._device, way.dtype, tiny=self._tiny)
        if way.last_channels:
            _use_last_channels(vae)
        if way.tiles:
            vae.enable_tiling()
        for module in vae.decoder.modules():
            if type(module).__name__ == way.compiles:
                module.compile(dynamic=True)
        decode = partial(_streamed if way.streams else _whole, vae)
        with _precision(exact=way.exact):
            _, first = timed(self._device, lambda: decode(self._latents[:, :, :WARM_FRAMES]))
            forget_peak(self._device)
            frames, seconds = timed(self._device, lambda: decode(self._latents))
        if self._reference is None:
            self._reference = frames
        return {
            "seconds": round(seconds, 3),
            "warm_up_seconds": round(first, 3),
            "frames": len(frames),
            "psnr_db": psnr(torch.from_numpy(frames), torch.from_numpy(self._reference), 255.0),
            "deviation": round(float(frames.std()), 2),
            **peak_memory(self._device),
        }


def _use_last_channels(vae: Any) -> None:
    """Lay the weights of the convolutions out with the channels last."""
    layouts = {5: torch.channels_last_3d, 4: torch.channels_last}
    for parameter in vae.parameters():
        if parameter.ndim in layouts:
            parameter.data = parameter.data.contiguous(memory_format=layouts[parameter.ndim])


def _streamed(vae: Any, latents: torch.Tensor) -> Frames:
    """Decode as the worker does: one latent frame after the other, each converted and copied at once."""
    return np.concatenate([frames_of_tensor(run) for run in decode_runs(vae, denormalized(vae, latents))])


@torch.no_grad()
def _whole(vae: Any, latents: torch.Tensor) -> Frames:
    """Decode as diffusers does."""
    return frames_of_tensor(vae.decode(denormalized(vae, latents), return_dict=False)[0])


@contextmanager
def _precision(*, exact: bool) -> Iterator[None]:
    """Allow TF32 in convolutions unless `exact`."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = not exact
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
