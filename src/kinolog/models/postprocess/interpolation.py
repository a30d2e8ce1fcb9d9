"""What videos can have frames computed between those that a model draws."""

from __future__ import annotations

FACTORS = (2, 4)
"""A video may have so many times the frames that are drawn."""

LEAST_SIDE = 32
"""The shortest side of such a video, in pixels: the filter finds motion of blocks."""

FILTER = "minterpolate"
"""The filter of FFmpeg that computes them, along the motion."""
