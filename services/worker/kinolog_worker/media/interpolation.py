"""Frames between the frames of a clip, computed along the motion by a filter of FFmpeg, as frames come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph
from av.video.frame import VideoFrame

from kinolog.models.postprocess.interpolation import FILTER
from kinolog_worker.media.conversion import for_encoder, rgb_of
from kinolog_worker.media.frames import Frames

_LOOKS_AHEAD = 2
"""The filter needs so many frames after the two between which it computes."""

_PIXELS = "yuv444p"
"""The filter takes no RGB. This has a colour for each pixel too."""


def interpolated(
    frames: Iterable[Frames], *, fps: int, factor: int, following: Callable[[], Frames | None]
) -> Iterator[Frames]:
    """Yield `factor` times as many frames, each of shape (height, width, 3): the given ones, and those between.

    After the last frame come those between it and the one that `following` returns; if there is none, it is repeated.
    So the clip lasts as long as before. Where the picture changes at once nothing is blended: frames are repeated.
    """
    motion: _MotionFilter | None = None
    originals: deque[Frames] = deque()
    last: Frames | None = None
    given = shown = 0
    for frame in frames:
        motion = motion or _MotionFilter(frame, fps, factor)
        originals.append(frame)
        given, last = given + 1, frame
        for between in motion.push(frame):
            yield originals.popleft() if between is None else between
            shown += 1
    if motion is None or last is None:
        return
    then = following()
    end = given * factor if then is not None else (given - 1) * factor + 1
    for _ in range(_LOOKS_AHEAD + 1):
        for between in motion.push(last if then is None else then):
            if shown < end:
                yield originals.popleft() if between is None else between
                shown += 1
    while shown < given * factor:
        yield originals.popleft() if originals else last
        shown += 1


class _MotionFilter:
    """The filter for frames of one size."""

    def __init__(self, frame: Frames, fps: int, factor: int) -> None:
        height, width = frame.shape[:2]
        self._time_base = Fraction(1, fps)
        self._factor = factor
        self._pushed = 0
        graph = Graph()
        graph.threads = 1
        self._source = graph.add(
            "buffer",
            f"video_size={width}x{height}:pix_fmt={_PIXELS}:time_base=1/{fps}:pixel_aspect=1/1:frame_rate={fps}/1"
            ":colorspace=bt709:range=tv",
        )
        motion = graph.add(FILTER, f"fps={fps * factor}:mi_mode=mci")
        self._sink = graph.add("buffersink")
        self._source.link_to(motion)
        motion.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def push(self, frame: Frames) -> Iterator[Frames | None]:
        """Take a frame, and yield what can be computed now: frames between, and None in place of each given one."""
        taken = for_encoder(VideoFrame.from_ndarray(frame, format="rgb24"), _PIXELS)
        taken.pts, taken.time_base = self._pushed, self._time_base
        self._pushed += 1
        self._source.push(taken)
        while True:
            try:
                made = self._sink.pull()
            except (NothingYet, NothingMore):
                return
            if not isinstance(made, VideoFrame) or made.pts is None:
                raise TypeError("the filter made no frame of a video")
            yield None if made.pts % self._factor == 0 else rgb_of(made)
