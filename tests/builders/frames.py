"""Frames for encoders."""

from __future__ import annotations

import numpy as np
from kinolog_worker.media.frames import Frames


def textured_frames(frames: int, width: int, height: int) -> Frames:
    """Return frames of moving waves and noise, which use every part of the encoder."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[0:height, 0:width]
    clip = np.empty((frames, height, width, 3), np.uint8)
    for index, frame in enumerate(clip):
        frame[..., 0] = 128 + 100 * np.sin(columns / 17 + index / 3)
        frame[..., 1] = 128 + 100 * np.sin(rows / 11 - index / 2)
        frame[..., 2] = rng.integers(0, 255, (height, width))
    return clip
