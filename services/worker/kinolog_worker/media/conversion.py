"""Conversion of pixels that gives the same result on every processor.

Without these flags libswscale rounds in another way on processors with other instructions.
"""

from __future__ import annotations

from av.video.reformatter import Interpolation

_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT

_TO_RGB = Interpolation.FULL_CHR_H_INT
"""Without this flag what is converted to RGB is two levels of 256 darker."""

EXACT_BILINEAR = Interpolation.BILINEAR | _EXACT
"""For frames that are encoded."""

EXACT_RGB = Interpolation.BILINEAR | _EXACT | _TO_RGB
"""For frames that are decoded, in their size."""

EXACT_AREA = Interpolation.AREA | _EXACT | _TO_RGB
"""For smaller copies of frames that are decoded."""
