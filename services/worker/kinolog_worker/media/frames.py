"""Frames as renderers return them and encoders take them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Frames: TypeAlias = npt.NDArray[np.uint8]
"""A run of frames: RGB, shape (frames, height, width, 3), 0 to 255."""
