"""A video as an animated GIF or WebP that repeats. The same video gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import BinaryIO

import av
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kinolog_export.decoded_frames import DecodedVideo, decoded
from kinolog_export.formats import ExportFormat

GIF_RATE = 50
"""Frames per second of a GIF at most: its unit of time is a hundredth, and browsers show frames of one unit slowly."""

_WEBP = {"quality": "85", "compression_level": "4", "loop": "0"}


def write_animation(source: BinaryIO, target: BinaryIO, export_format: ExportFormat) -> None:
    """Write every frame for its time. A GIF of more than 50 frames a second leaves frames out, evenly."""
    with (
        decoded(source) as video,
        av.open(target, "w", format=export_format.value, options={"loop": "0"}) as container,
    ):
        is_gif = export_format is ExportFormat.GIF
        step = ceil(video.rate / GIF_RATE) if is_gif else 1
        rate = video.rate / step
        codec, options = ("gif", {}) if is_gif else ("libwebp_anim", dict(_WEBP))
        stream = container.add_stream(codec, rate=rate, options=options)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{codec} is no codec of videos")
        stream.width, stream.height = video.width, video.height
        stream.pix_fmt = "pal8" if is_gif else "bgra"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = 1 / rate
        frames = _timed(video, step, rate)
        for frame in _with_palettes(video, frames, rate) if is_gif else frames:
            container.mux(stream.encode(frame if is_gif else frame.reformat(format="bgra", threads=1)))
        container.mux(stream.encode(None))


def _timed(video: DecodedVideo, step: int, rate: Fraction) -> Iterator[VideoFrame]:
    """Yield every frame whose number is a multiple of `step`, with times that count in frames."""
    for index, frame in enumerate(video.frames):
        if index % step == 0:
            frame.pts, frame.time_base = index // step, 1 / rate
            yield frame


def _with_palettes(video: DecodedVideo, frames: Iterator[VideoFrame], rate: Fraction) -> Iterator[VideoFrame]:
    """Yield the frames with 256 colours each, those that suit it best."""
    graph = Graph()
    graph.threads = 1
    start = graph.add_buffer(
        width=video.width, height=video.height, format=av.VideoFormat("rgb24"), time_base=1 / rate
    )
    both = graph.add("split")
    palettes = graph.add("palettegen", "stats_mode=single")
    coloured = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    end = graph.add("buffersink")
    start.link_to(both)
    both.link_to(palettes, 0, 0)
    both.link_to(coloured, 1, 0)
    palettes.link_to(coloured, 0, 1)
    coloured.link_to(end)
    graph.configure()
    for frame in frames:
        graph.push(frame)
        yield from _pulled(graph, rate)
    graph.push(None)
    yield from _pulled(graph, rate)


def _pulled(graph: Graph, rate: Fraction) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, VideoFrame):
            yield frame
