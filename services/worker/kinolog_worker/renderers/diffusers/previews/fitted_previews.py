"""Previews of one pipeline: it learns from each clip what latents look like, and draws small pictures by that."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.diffusers.previews.arrangement import find_arrangement, same_frames
from kinolog_worker.renderers.diffusers.previews.colour_fit import ColourFit, read_fit, write_fit
from kinolog_worker.renderers.diffusers.previews.decoded_latents import DecodedLatents, some_frames
from kinolog_worker.renderers.diffusers.previews.picture import clip_jpeg
from kinolog_worker.renderers.renderer import SceneRequest

logger = logging.getLogger(__name__)

_CLIPS = 8
"""The map is fitted to so many clips."""


class FittedPreviews:
    """Learns from the clips of a pipeline, whose fit is in the file `path`; None for one that is kept nowhere.

    What is wrong here is no fault of a clip: it has no preview then.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._fit = read_fit(path) if path is not None else None
        self._map = self._fit.solved() if self._fit is not None else None
        self._latents: torch.Tensor | None = None
        self._decoded = DecodedLatents()

    @property
    def can_draw(self) -> bool:
        """Whether a clip was fitted."""
        return self._map is not None

    def begin(self) -> None:
        """Forget what is left of a clip that was not finished."""
        self._latents = None
        self._decoded = DecodedLatents()

    def after_step(self, latents: torch.Tensor) -> None:
        """Take the latents after a step. What was decoded before is of a part of the clip that is done."""
        self.learn()
        self._latents = latents

    def decoded(self, latents: torch.Tensor, video: object) -> None:
        """Take what the autoencoder made of latents: colours from -1 to 1."""
        if self._latents is None or not self._wants_clips or not isinstance(video, torch.Tensor):
            return
        try:
            self._decoded.add(latents, video)
        except Exception as error:  # such as a lack of memory, or latents of another kind
            logger.debug("the clip is not fitted: %s", type(error).__name__)
            self.begin()

    def learn(self) -> None:
        """Fit the map to what was decoded since the last step."""
        last, clip = self._latents, self._decoded.take()
        self._latents = None
        if last is None or clip is None:
            return
        try:
            self._add(last.detach().cpu(), *clip)
        except Exception as error:  # such as a lack of memory, or a matrix that cannot be solved
            logger.debug("the clip was not fitted: %s", type(error).__name__)

    def jpeg(self, latents: torch.Tensor, request: SceneRequest, canvas: Canvas) -> bytes | None:
        """Return the middle frame of latents of a call as a small JPEG, cut as the clip is; None if it has none."""
        if self._fit is None or self._map is None:
            return None
        height, width = canvas.height // self._fit.scale, canvas.width // self._fit.scale
        arranged = self._fit.arrangement.arranged(latents, height, width)
        if arranged is None or len(arranged) < self._fit.channels:
            return None
        middle = arranged[: self._fit.channels, arranged.shape[1] // 2].float().cpu()
        colours = torch.tensordot(self._map[:, :-1], middle, dims=1) + self._map[:, -1, None, None]
        pixels: Frames = ((colours + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
        return clip_jpeg(pixels, request, canvas)

    @property
    def _wants_clips(self) -> bool:
        return self._fit is None or self._fit.clips < _CLIPS

    def _add(self, last: torch.Tensor, latents: torch.Tensor, colours: torch.Tensor) -> None:
        """Add a clip to the fit: the last latents of its call, and those that were decoded with their colours."""
        arrangement = find_arrangement(last, latents)
        pair = None if arrangement is None else same_frames(arrangement, last, latents)
        if arrangement is None or pair is None:
            return
        fit = self._fit
        if fit is None or fit.channels != len(latents):
            fit = ColourFit.empty(arrangement, self._decoded.scale, len(latents))
        fit.arrangement = arrangement
        arranged, _ = pair
        count = arranged.shape[1]
        colours = colours[:, -count:] if fit.arrangement.at_end else colours[:, :count]
        numbers = some_frames(count)
        fit.add(arranged[:, numbers], colours[:, numbers])
        if not fit.clips:
            return
        self._fit, self._map = fit, fit.solved()
        if self._path is not None:
            write_fit(self._path, fit)
