"""The settings of each codec's encoder.

The same frames give the same bytes on any machine with the same versions of the libraries, idle or busy (decisions 41
and 82), for every codec that needs no GPU. The number of threads changes the bytes of x264 and x265, so it depends on
the frame size and not on the machine. Those of SVT-AV1 stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from kinolog.models.codecs import VideoCodec

_X264 = "cpu-independent=1"
"""Without this x264 selects algorithms by the processor. One of them, for AVX-512, reads memory that nothing wrote if
the width is not a multiple of 64, so that the same frames gave other bytes on the same machine."""

_X265 = "log-level=none:info=0:frame-threads=1:cutree=0"
"""One frame at a time, since frames that are encoded together have other bytes. `info` would write the settings and
the kind of processor into the file. `cutree` writes past the end of its memory, for most widths."""

_SVT_AV1 = "lp=4"

_BT709 = 1
_LIMITED_RANGE = 1
_SINGLE_THREAD_PIXELS = 512 * 512
_THREADS = 4

_ENCODERS = {
    VideoCodec.H264: "libx264",
    VideoCodec.H265: "libx265",
    VideoCodec.AV1: "libsvtav1",
    VideoCodec.H264_NVENC: "h264_nvenc",
    VideoCodec.H265_NVENC: "hevc_nvenc",
    VideoCodec.AV1_NVENC: "av1_nvenc",
}
"""Names of the encoders in FFmpeg."""

_FORMATS = {"h264": VideoCodec.H264, "hevc": VideoCodec.H265, "av1": VideoCodec.AV1}
"""Formats by the name of the codec in FFmpeg."""

_PROBE_SIDE_PIXELS = 256
"""Side of the frames for which an encoder is opened to see whether it is there. NVENC takes no small ones."""


@dataclass(frozen=True, slots=True)
class VideoEncoding:
    """How a video is encoded. A `crf` of 0 is the usual one of the codec; `pixels` is a format of FFmpeg."""

    codec: VideoCodec = VideoCodec.H264
    crf: int = 0
    pixels: str = "yuv420p"

    @property
    def rate_factor(self) -> int:
        """The constant rate factor."""
        return self.crf or self.codec.crf_range.usual


H264 = VideoEncoding()
"""The encoding of jobs that name none."""

MASTER = VideoEncoding(VideoCodec.H264, 4, "yuv444p")
"""The encoding of what is decoded again to be changed: the loss cannot be seen, and colours have all pixels."""


def add_video_stream(
    container: OutputContainer, encoding: VideoEncoding, *, width: int, height: int, fps: int
) -> VideoStream:
    """Add a stream, tagged as BT.709 in limited range. Raises FFmpegError if the encoder is not there."""
    pixels = width * height
    stream = tagged_stream(
        container,
        _ENCODERS[encoding.codec],
        _options(encoding, pixels),
        width=width,
        height=height,
        fps=fps,
        pixels=encoding.pixels,
    )
    stream.codec_context.thread_count = _threads(pixels)
    if encoding.codec.video_format is VideoCodec.H265:
        stream.codec_context.codec_tag = "hvc1"  # players of Apple know no other
    return stream


def tagged_stream(
    container: OutputContainer,
    encoder: str,
    options: Mapping[str, str],
    *,
    width: int,
    height: int,
    fps: int,
    pixels: str,
) -> VideoStream:
    """Add a stream of an encoder of FFmpeg as `add_video_stream` does, with options of its own."""
    stream = container.add_stream(encoder, rate=fps, options=dict(options))
    if not isinstance(stream, VideoStream):
        raise TypeError(f"{encoder} is no encoder of videos")
    stream.width, stream.height, stream.pix_fmt = width, height, pixels
    context = stream.codec_context
    context.color_range = _LIMITED_RANGE
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return stream


def available_codecs() -> tuple[VideoCodec, ...]:
    """Return the codecs whose encoder opens on this machine. Takes milliseconds without a GPU."""
    return tuple(codec for codec in VideoCodec if _opens(codec))


def format_of(ffmpeg_name: str) -> str:
    """Return the format of a codec by its name in FFmpeg; that name itself if no job can have it."""
    return _FORMATS.get(ffmpeg_name, ffmpeg_name)


def _options(encoding: VideoEncoding, pixels: int) -> Mapping[str, str]:
    factor = str(encoding.rate_factor)
    match encoding.codec:
        case VideoCodec.H264:
            return {"preset": "veryfast", "crf": factor, "x264-params": _X264}
        case VideoCodec.H265:
            # Rows of blocks are encoded side by side only with a pool of threads, and have other bytes then.
            pool = "none" if _threads(pixels) == 1 else str(_THREADS)
            return {"preset": "fast", "crf": factor, "x265-params": f"{_X265}:pools={pool}"}
        case VideoCodec.AV1:
            return {"preset": "8", "crf": factor, "svtav1-params": _SVT_AV1}
        case _:
            return {"preset": "p5", "rc": "vbr", "cq": factor, "b": "0"}


def _threads(pixels: int) -> int:
    return 1 if pixels <= _SINGLE_THREAD_PIXELS else _THREADS


def _opens(codec: VideoCodec) -> bool:
    name = _ENCODERS[codec]
    if name not in av.codecs_available:
        return False
    if not codec.needs_gpu:
        return True
    context = CodecContext.create(name, "w")
    if not isinstance(context, VideoCodecContext):
        return False
    context.width = context.height = _PROBE_SIDE_PIXELS
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 8), Fraction(8)
    try:
        context.open()
    except (FFmpegError, OSError):
        return False
    return True
