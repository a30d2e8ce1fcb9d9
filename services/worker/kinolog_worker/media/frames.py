"""Frames as renderers return them and encoders take them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt

from kinolog_worker.media.conversion import rgb_of

Frames: TypeAlias = npt.NDArray[np.uint8]
"""A run of frames: RGB, shape (frames, height, width, 3), 0 to 255."""


def decoded_frames(path: Path) -> Iterator[Frames]:
    """Yield the frames of a file of ours, each as RGB of shape (height, width, 3). Raises FFmpegError."""
    with av.open(str(path)) as source:
        yield from map(rgb_of, source.decode(video=0))
