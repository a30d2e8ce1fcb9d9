"""Frames of a video, decoded and converted as exactly as the worker converts them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import av
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation

_EXACT = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
)
"""Without these flags libswscale rounds in another way on other processors, and makes all colours darker."""

_DECODER_THREADS = 2


@dataclass(frozen=True, slots=True)
class DecodedVideo:
    """Size and rate of a video, and its frames in RGB, each numbered from 0."""

    width: int
    height: int
    rate: Fraction
    frames: Iterator[VideoFrame]


@contextmanager
def decoded(source: BinaryIO) -> Iterator[DecodedVideo]:
    """Open an MP4 whose index is in front; `source` need not be seekable. Raises av.error.FFmpegError."""
    with av.open(source, "r", format="mp4") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = _DECODER_THREADS
        if stream.average_rate is None:
            raise ValueError("the video has no frame rate")
        frames = (_rgb(frame) for frame in container.decode(stream))
        yield DecodedVideo(stream.width, stream.height, stream.average_rate, frames)


def _rgb(frame: VideoFrame) -> VideoFrame:
    return frame.reformat(
        format="rgb24",
        src_colorspace="ITU709",
        src_color_range="MPEG",
        dst_color_range="JPEG",
        interpolation=_EXACT,
        threads=1,
    )
