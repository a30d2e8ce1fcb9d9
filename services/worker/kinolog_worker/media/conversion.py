"""Conversion of pixels that gives the same result on every processor.

Without these flags libswscale rounds in another way on processors with other instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation

if TYPE_CHECKING:
    from kinolog_worker.media.frames import Frames

_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT

_TO_RGB = Interpolation.FULL_CHR_H_INT
"""Without this flag what is converted to RGB is two levels of 256 darker."""

EXACT_BILINEAR = Interpolation.BILINEAR | _EXACT
"""For frames that are encoded."""

EXACT_RGB = Interpolation.BILINEAR | _EXACT | _TO_RGB
"""For frames that are decoded, in their size."""

EXACT_AREA = Interpolation.AREA | _EXACT | _TO_RGB
"""For smaller copies of frames that are decoded."""


def rgb_of(frame: VideoFrame) -> Frames:
    """Return a frame of a file of ours as RGB, shape (height, width, 3)."""
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace="ITU709",
        src_color_range="MPEG",
        dst_color_range="JPEG",
        interpolation=EXACT_RGB,
        threads=1,
    )
    return rgb.to_ndarray().astype(np.uint8, copy=False)


def for_encoder(frame: VideoFrame, pixel_format: str) -> VideoFrame:
    """Return an RGB frame in the pixels and colours of files of ours."""
    return frame.reformat(
        format=pixel_format,
        src_colorspace="ITU709",
        dst_colorspace="ITU709",
        src_color_range="JPEG",
        dst_color_range="MPEG",
        interpolation=EXACT_BILINEAR,
        threads=1,
    )
