"""Videos of users, decoded into the frames that a model starts from. Nothing in such a file is trusted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from PIL import Image

from kinolog.counts import counted
from kinolog_worker.media.conversion import EXACT_RGB
from kinolog_worker.media.pictures import MOST_PIXELS, InputUnreadable, Picture, fitted, uncut

MOST_FRAMES = 20_000
"""The largest number of frames that are decoded of a video."""

_DEMUXERS = {"video/mp4": "mp4", "video/webm": "webm"}
_ROUNDING = Fraction(1, 1000)
"""How far a time in a file may be from that of its frame, in seconds: WebM counts milliseconds."""


class InputTooShort(InputUnreadable):
    """A video of the user has too few frames for the scene."""

    code = "INPUT_TOO_SHORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSampling:
    """Which frames of a video are wanted: so many at this rate, of this size, the first ones or the last ones.

    A video with fewer frames, but not with fewer than `least`, stands still at its end. With `scale` it is the middle
    of what was drawn in this size, and each of its pixels was drawn `scale` times.
    """

    width: int
    height: int
    fps: int
    frames: int
    least: int
    from_end: bool = False
    scale: int = 0


def read_clip(path: Path, media_type: str, wanted: ClipSampling, check: Callable[[], None]) -> list[Picture]:
    """Return the wanted frames of a video. What moves keeps its speed: frames are repeated or left out.

    `check` is called between frames and may raise to stop. Raises InputUnreadable for a file that is damaged, of
    another type than `media_type`, or too large, and InputTooShort for one with too few frames. Raises OSError if
    the file cannot be read.
    """
    if media_type not in _DEMUXERS:
        raise InputUnreadable(f"{media_type} is no type of video; use {', '.join(_DEMUXERS)}")
    path.stat()
    pictures: list[Picture] = []
    last: deque[VideoFrame] = deque(maxlen=wanted.frames)
    try:
        options = {"protocol_whitelist": "file"}
        with av.open(str(path), format=_DEMUXERS[media_type], options=options) as container:
            for number, frame in enumerate(_sampled(container, wanted.fps, check)):
                if number >= MOST_FRAMES:
                    raise InputUnreadable(f"the video has more than {MOST_FRAMES} frames")
                if wanted.from_end:
                    last.append(frame)
                    continue
                pictures.append(_picture(frame, wanted))
                if len(pictures) == wanted.frames:
                    break
    except (FFmpegError, ValueError) as error:
        kind = media_type.removeprefix("video/")
        raise InputUnreadable(f"the video is damaged or no {kind} ({type(error).__name__})") from None
    pictures.extend(_picture(frame, wanted) for frame in last)
    if len(pictures) < wanted.least:
        raise InputTooShort(
            f"the video has {counted(len(pictures), 'frame')} at {wanted.fps} per second, "
            f"and the model starts from {wanted.least}"
        )
    return pictures + pictures[-1:] * (wanted.frames - len(pictures))


def _sampled(container: InputContainer, fps: int, check: Callable[[], None]) -> Iterator[VideoFrame]:
    """Yield the frame that is shown at each moment of a video with that rate.

    `check` is called for each frame of the file, of which any number may be shown at the same moment, and before each
    that is yielded.
    """
    if not container.streams.video:
        raise InputUnreadable("the file has no video")
    stream = container.streams.video[0]
    _check_size(stream.codec_context.width, stream.codec_context.height)
    rate = Fraction(stream.average_rate or fps)
    shown: VideoFrame | None = None
    start = end = Fraction(0)
    moments = 0
    for number, frame in enumerate(container.decode(stream)):
        check()
        _check_size(frame.width, frame.height)
        time = number / rate
        if frame.pts is not None and frame.time_base is not None:
            time = frame.pts * frame.time_base
        if shown is None:
            start = time
        while shown is not None and Fraction(moments, fps) < time - start - _ROUNDING:
            check()
            yield shown
            moments += 1
        shown, end = frame, time - start + 1 / rate
    while shown is not None and Fraction(moments, fps) < end - _ROUNDING:
        check()
        yield shown
        moments += 1


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise InputUnreadable(f"the video has more than {MOST_PIXELS} pixels in a frame")


def _picture(frame: VideoFrame, wanted: ClipSampling) -> Picture:
    """Return a frame in the wanted size, upright as the file says."""
    rgb = frame.reformat(format="rgb24", interpolation=EXACT_RGB)
    picture = Image.fromarray(rgb.to_ndarray())
    if frame.rotation:
        picture = picture.rotate(frame.rotation, expand=True)
    if wanted.scale:
        return uncut(picture, wanted.width, wanted.height, wanted.scale)
    return fitted(picture, wanted.width, wanted.height)
