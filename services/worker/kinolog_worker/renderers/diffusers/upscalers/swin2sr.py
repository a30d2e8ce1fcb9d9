"""Swin2SR of transformers: enlarges a frame in tiles, on the device."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers
from torch.nn.functional import pad

from kinolog.job.values import UsedUpscaler
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.device import device_named
from kinolog_worker.renderers.diffusers.placement.out_of_memory import (
    is_out_of_memory,
    release_frames,
    release_memory,
)
from kinolog_worker.renderers.diffusers.upscalers.tiles import tiles
from kinolog_worker.renderers.diffusers.upscalers.upscaler_files import UpscalerFiles, failed, upscaler_files
from kinolog_worker.renderers.renderer import RenderFailed
from kinolog_worker.renderers.upscaler import OUT_OF_MEMORY, UpscalerSource

logger = logging.getLogger(__name__)

_transformers: Any = transformers  # untyped in part

_WINDOW_PIXELS = 8
"""Sides of what the network takes are multiples of it: its own padding fails with others."""


def load_swin2sr(source: UpscalerSource, device: str) -> Swin2srUpscaler:
    """Return the upscaler with its weights in the memory of the host. Raises RenderFailed."""
    place = device_named(device)
    files = upscaler_files(source)
    return Swin2srUpscaler(source, files, place)


def _network(files: UpscalerFiles, source: UpscalerSource) -> Any:
    try:
        network, loading = _transformers.Swin2SRForImageSuperResolution.from_pretrained(
            files.folder,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except Exception as error:  # the libraries raise any on what is damaged
        if is_out_of_memory(error):
            raise
        raise failed("UPSCALER_DAMAGED", source, f"it cannot be loaded: {str(error)[:300]}") from error
    wrong = sorted(map(str, (*loading["missing_keys"], *loading["mismatched_keys"])))
    if wrong:
        raise failed("UPSCALER_DAMAGED", source, f"its weights lack {wrong[0]}")
    if network.config.window_size != _WINDOW_PIXELS or network.config.num_channels_out != 3:
        raise failed("UPSCALER_UNSUPPORTED", source, "it takes other windows or other colours than usual")
    return network.eval()


class Swin2srUpscaler:
    """Enlarges frames in overlapping tiles. On a GPU its numbers are float16, or float32 where those are too small."""

    def __init__(self, source: UpscalerSource, files: UpscalerFiles, device: torch.device) -> None:
        self.network = _network(files, source)
        self._source = source
        self._files = files
        self._device = device
        self.dtype = torch.float32 if device.type == "cpu" else torch.float16

    @property
    def used(self) -> UsedUpscaler:
        """What the history of a job says of it."""
        return self._files.used

    def enlarge(self, frame: Frames, check: Callable[[], None]) -> Frames:
        """Return an enlarged frame. `check` is called between tiles. Raises RenderFailed."""
        try:
            return self._enlarged(frame, check)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            release_frames(error)
        self.leave_device()
        problem = (
            "the device's memory was not enough to enlarge a frame; give it a smaller tile in the catalogue"
        )
        raise failed(OUT_OF_MEMORY, self._source, problem, retryable=True)

    def leave_device(self) -> None:
        """Free the memory of the device. The next frame takes it again."""
        if self._device.type != "cpu":
            self.network.to("cpu")
            release_memory()

    def _enlarged(self, frame: Frames, check: Callable[[], None]) -> Frames:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(frame)).to(self._device)
            pixels = pixels.permute(2, 0, 1)[None].float() / 255
            while True:
                enlarged = self._whole(pixels, check)
                if bool(torch.isfinite(enlarged).all()):
                    break
                if self.dtype is torch.float32:
                    raise _no_picture(self._source)
                logger.warning("float16 is too small for the numbers of upscaler %s", self._source.name)
                self.dtype = torch.float32
                self.network = _network(self._files, self._source)  # whose weights were rounded
            levels = (enlarged.clamp(0, 1) * 255).round().to(torch.uint8)
            result: Frames = levels.permute(1, 2, 0).contiguous().cpu().numpy()
            return result

    def _whole(self, pixels: torch.Tensor, check: Callable[[], None]) -> torch.Tensor:
        """Return all tiles as one picture, shape (3, height, width)."""
        self.network.to(device=self._device, dtype=self.dtype)
        scale, height, width = self._source.scale, pixels.shape[2], pixels.shape[3]
        padded = _padded(pixels)
        high, wide = padded.shape[2], padded.shape[3]
        total = torch.zeros((3, high * scale, wide * scale), device=self._device)
        weight = torch.zeros((1, high * scale, wide * scale), device=self._device)
        for rows, columns in tiles(high, wide, self._source.tile, self._source.overlap):
            check()
            part = padded[:, :, rows.start : rows.end, columns.start : columns.end].to(self.dtype)
            enlarged = self.network(pixel_values=part).reconstruction[0].float()
            counts = rows.weights(scale)[:, None] * columns.weights(scale)[None, :]
            counts = counts.to(self._device)
            place = (
                slice(None),
                slice(rows.start * scale, rows.end * scale),
                slice(columns.start * scale, columns.end * scale),
            )
            total[place] += enlarged * counts
            weight[place] += counts
        return (total / weight)[:, : height * scale, : width * scale]


def _padded(pixels: torch.Tensor) -> torch.Tensor:
    """Return the frame with its last rows and columns repeated, so that the network takes its size."""
    height, width = pixels.shape[2], pixels.shape[3]
    return pad(pixels, (0, -width % _WINDOW_PIXELS, 0, -height % _WINDOW_PIXELS), "replicate")


def _no_picture(source: UpscalerSource) -> RenderFailed:
    return failed("UPSCALER_DAMAGED", source, "it computed numbers that are none, and no picture")
