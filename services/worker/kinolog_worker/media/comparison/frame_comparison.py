"""Comparison of a video with the one that it reproduces, by the filters psnr and ssim of FFmpeg."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from math import log10
from pathlib import Path

import av
from av.filter import Graph
from av.video.frame import VideoFrame

from kinolog.job.reproduction import FrameComparison
from kinolog_worker.media.frames import Frames

logger = logging.getLogger(__name__)

UNREADABLE = "the videos cannot be decoded side by side"
OTHER_FORMAT = "the two videos differ in size, pixel format or number of frames"

_PEAK = 255.0
_MOST_DECIBELS = 100.0
"""The signal-to-noise ratio of frames that differ too little for the numbers of the filter."""


class _OtherFormat(Exception):
    """Frames of the two videos cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalVideo:
    """The video that a job reproduces, in the folder of its attempt."""

    path: Path
    frame_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFrames:
    """How the frames compare. Without `comparison` all are equal, or `trouble` says why they were not compared."""

    comparison: FrameComparison | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class _Likeness:
    """How like two frames are. `error` is the mean of the squares over all planes, 0 for equal frames."""

    error: float
    ssim: float


EQUAL = ComparedFrames()


def compare_with(original: OriginalVideo | None, video: Path, frame_hash: str) -> ComparedFrames:
    """Compare a video with the original, if there is one to compare with.

    Equal frame hashes are equal frames: nothing is decoded then. A comparison that fails does not fail the job: the
    result says why.
    """
    if original is None or original.frame_hash == frame_hash:
        return EQUAL
    try:
        return ComparedFrames(comparison=_summary(list(_likenesses(original.path, video))))
    except _OtherFormat:
        return ComparedFrames(trouble=OTHER_FORMAT)
    except Exception as error:  # whatever it is, the video is drawn
        logger.warning("%s: %s", UNREADABLE, type(error).__name__)
        return ComparedFrames(trouble=UNREADABLE)


def _summary(likenesses: list[_Likeness]) -> FrameComparison | None:
    different = [index for index, likeness in enumerate(likenesses) if likeness.error > 0]
    if not different:
        return None
    error = sum(likeness.error for likeness in likenesses) / len(likenesses)
    return FrameComparison(
        psnr_db=min(10 * log10(_PEAK**2 / error), _MOST_DECIBELS),
        ssim=sum(likeness.ssim for likeness in likenesses) / len(likenesses),
        first_frame=different[0],
        different_frames=len(different),
    )


def likeness_of(originals: Iterable[Frames], others: Iterable[Frames]) -> tuple[float, float]:
    """Return the signal-to-noise ratio in dB and the mean similarity of two sequences of runs of frames.

    Frames are of one size. Raises ValueError if there is none, and for sequences of different lengths.
    """
    filters: _Filters | None = None
    likenesses = []
    for index, pair in enumerate(zip(_single(originals), _single(others), strict=True)):
        one, other = (
            VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="gbrp") for frame in pair
        )
        filters = filters or _Filters(one)
        likenesses.append(filters.likeness(index, one, other))
    if not likenesses:
        raise ValueError("there is no frame")
    summary = _summary(likenesses)
    return (_MOST_DECIBELS, 1.0) if summary is None else (summary.psnr_db, summary.ssim)


def _single(runs: Iterable[Frames]) -> Iterator[Frames]:
    for run in runs:
        yield from run


def _likenesses(original: Path, video: Path) -> Iterator[_Likeness]:
    """Yield how like the frames of two videos are, in order. Raises `_OtherFormat`, and what FFmpeg raises."""
    with ExitStack() as files:
        containers = [files.enter_context(av.open(str(path))) for path in (original, video)]
        frames = [container.decode(container.streams.video[0]) for container in containers]
        filters: _Filters | None = None
        for index, (one, other) in enumerate(zip_longest(*frames)):
            if one is None or other is None or _format(one) != _format(other):
                raise _OtherFormat
            filters = filters or _Filters(one)
            yield filters.likeness(index, one, other)


def _format(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


class _Filters:
    """Both filters, over pairs of frames of the format of a first one."""

    def __init__(self, first: VideoFrame) -> None:
        graph = Graph()
        self._original, self._video = (
            graph.add_buffer(
                width=first.width,
                height=first.height,
                format=first.format,
                time_base=Fraction(1),
                name=name,
            )
            for name in ("original", "video")
        )
        psnr, ssim, split = graph.add("psnr"), graph.add("ssim"), graph.add("split")
        self._sink = graph.add("buffersink")
        self._original.link_to(split)
        self._video.link_to(psnr)
        split.link_to(psnr, 0, 1)
        psnr.link_to(ssim)
        split.link_to(ssim, 1, 1)
        ssim.link_to(self._sink)
        graph.configure()
        self._graph = graph
        """The contexts above are of use as long as their graph lives."""

    def likeness(self, index: int, original: VideoFrame, frame: VideoFrame) -> _Likeness:
        for source, pushed in ((self._original, original), (self._video, frame)):
            pushed.pts, pushed.time_base = index, Fraction(1)
            source.push(pushed)
        figures = self._sink.pull().metadata
        decibels = float(figures["lavfi.psnr.psnr_avg"])  # of equal frames it is infinite
        return _Likeness(_PEAK**2 / 10 ** (decibels / 10), float(figures["lavfi.ssim.All"]))
