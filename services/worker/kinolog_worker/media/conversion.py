"""Conversion of pixels that gives the same result on every processor.

Without these flags libswscale rounds in another way on processors with other instructions.
"""

from __future__ import annotations

from av.video.reformatter import Interpolation

_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT

EXACT_BILINEAR = Interpolation.BILINEAR | _EXACT
"""For conversions that keep the size."""

EXACT_AREA = Interpolation.AREA | _EXACT
"""For smaller copies."""
