"""Codecs of videos and the range of their quality. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class VideoCodec(StrEnum):
    """Codec of a video, by the name that requests, models and facts of videos use.

    Those with `_nvenc` have the same format as the ones without, from the encoder of an NVIDIA GPU.
    """

    H264 = "h264"
    H265 = "h265"
    AV1 = "av1"
    H264_NVENC = "h264_nvenc"
    H265_NVENC = "h265_nvenc"
    AV1_NVENC = "av1_nvenc"

    @property
    def video_format(self) -> VideoCodec:
        """The format of the video, which does not depend on the encoder."""
        return VideoCodec(self.value.removesuffix("_nvenc"))

    @property
    def needs_gpu(self) -> bool:
        """Whether only a worker with an NVIDIA GPU that can encode has it."""
        return self.value.endswith("_nvenc")

    @property
    def crf_range(self) -> CrfRange:
        """Its constant rate factors. Less is better quality and a larger file."""
        return _CRF_RANGES[self]

    @property
    def least_size(self) -> tuple[int, int]:
        """The least width and height in pixels that its encoder takes."""
        return _LEAST_SIZE_OF_NVENC if self.needs_gpu else _LEAST_SIZES.get(self, _LEAST_SIZE)

    @property
    def most_side(self) -> int:
        """The most pixels that its encoder takes in a side."""
        return _MOST_SIDES.get(self, _MOST_SIDE)


@dataclass(frozen=True, slots=True)
class CrfRange:
    """The constant rate factors of a codec: the usual one, and the largest. The smallest is 1."""

    usual: int
    largest: int


_LEAST_SIZE = (16, 16)
_LEAST_SIZES = {VideoCodec.AV1: (32, 32)}
"""SVT-AV1 reads memory that is not its own if a side is smaller."""

_LEAST_SIZE_OF_NVENC = (192, 128)

_MOST_SIDE = 8192
_MOST_SIDES = {VideoCodec.H264_NVENC: 4096}

_CRF_RANGES = {
    VideoCodec.H264: CrfRange(18, 51),
    VideoCodec.H265: CrfRange(22, 51),
    VideoCodec.AV1: CrfRange(24, 63),
    VideoCodec.H264_NVENC: CrfRange(19, 51),
    VideoCodec.H265_NVENC: CrfRange(21, 51),
    VideoCodec.AV1_NVENC: CrfRange(24, 51),
}
"""Below about the usual one, differences are hard to see. 0 is left out: it is lossless in some, in profiles that
browsers do not play."""

SOFTWARE_CODECS = tuple(codec for codec in VideoCodec if not codec.needs_gpu)
"""Codecs that need no GPU."""
