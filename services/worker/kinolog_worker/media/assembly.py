"""Scene files into one clip.

Scenes that are cut together are joined without encoding them again. As soon as one fades or dissolves, all are
decoded, blended and encoded anew. The number of frames is the sum of the scenes' in both cases: a fade darkens
frames that are there, a dissolve mixes the held last picture of the scene before into the first ones of the next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from kinolog.storyboard.shots import Transition
from kinolog_worker.media.encoder import ClipEncoder, EncodingFailed
from kinolog_worker.renderers.renderer import Frames


@dataclass(frozen=True, slots=True)
class SceneClip:
    """One scene's file and how the scene begins."""

    path: Path
    frames: int
    transition: Transition


@dataclass(frozen=True, slots=True)
class ClipTarget:
    """The clip to make."""

    path: Path
    width: int
    height: int
    fps: int


def assemble(parts: Sequence[SceneClip], clip: ClipTarget, check: Callable[[], None]) -> bool:
    """Join `parts` into `clip.path`; True when nothing had to be encoded again.

    `check` is called between frames or scenes and may raise to stop. Raises EncodingFailed.
    """
    clip.path.unlink(missing_ok=True)  # it may be a link to the only scene of an earlier attempt
    cuts_only = all(part.transition is Transition.CUT for part in parts)
    try:
        if cuts_only and len(parts) == 1:
            _link(parts[0].path, clip.path)
        elif cuts_only and _alike(parts):
            _join(parts, clip, check)
        else:
            _blend(parts, clip, check)
            return False
    except FFmpegError as error:
        raise EncodingFailed(f"the scenes cannot be joined: {error.strerror}") from error
    return True


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _alike(parts: Sequence[SceneClip]) -> bool:
    """Whether all files were encoded with the very same parameters, so that one header serves them all."""
    headers = set()
    for part in parts:
        with av.open(str(part.path)) as source:
            stream = source.streams.video[0]
            headers.add((bytes(stream.codec_context.extradata or b""), stream.time_base))
    return len(headers) == 1


def _join(parts: Sequence[SceneClip], clip: ClipTarget, check: Callable[[], None]) -> None:
    """Copy the packets of all scenes into one file, with new times.

    Scenes differ in how far their encoder reordered frames. So decoding times are counted anew: one frame after the
    other, as far ahead of the showing as the scene that reorders the most needs it.
    """
    ahead = max(_reordering(part, clip.fps) for part in parts)
    with av.open(str(clip.path), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        out: VideoStream | None = None
        frames_before = 0
        for part in parts:
            check()
            with av.open(str(part.path)) as source:
                stream = source.streams.video[0]
                out = out or target.add_stream_from_template(stream)
                ticks = _frame_ticks(stream, clip.fps)
                for place, packet in enumerate(_packets(source, stream)):
                    packet.dts = (frames_before + place - ahead) * ticks
                    packet.pts = (packet.pts or 0) + frames_before * ticks
                    packet.duration = ticks
                    packet.stream = out
                    target.mux(packet)
            frames_before += part.frames


def _reordering(part: SceneClip, fps: int) -> int:
    """By how many frames a picture is decoded later than its place in the order of showing, at the most."""
    with av.open(str(part.path)) as source:
        stream = source.streams.video[0]
        ticks = _frame_ticks(stream, fps)
        places = [(packet.pts or 0) // ticks for packet in _packets(source, stream)]
    if sorted(places) != list(range(part.frames)):
        raise EncodingFailed("a scene's file does not hold the frames that it should")
    return max(place - shown for place, shown in enumerate(places))


def _packets(source: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The packets of a file in the order of decoding, less the empty one that marks the end."""
    return (packet for packet in source.demux(stream) if packet.pts is not None)


def _frame_ticks(stream: VideoStream, fps: int) -> int:
    """Length of a frame in units of the stream's time base."""
    if stream.time_base is None:
        raise EncodingFailed("a scene's file has no time base")
    return round(1 / (fps * stream.time_base))


def _blend(parts: Sequence[SceneClip], clip: ClipTarget, check: Callable[[], None]) -> None:
    with ClipEncoder(clip.path, clip.width, clip.height, clip.fps) as encoder:
        held: Frames | None = None
        for index, part in enumerate(parts):
            following = parts[index + 1].transition if index + 1 < len(parts) else Transition.CUT
            span = max(1, min(clip.fps // 2, part.frames // 3))
            for place, picture in enumerate(_pictures(part.path)):
                check()
                shown = _entering(picture, place, span, part.transition, held)
                if following is Transition.FADE:
                    shown = _mixed(shown, None, min(1.0, (part.frames - 1 - place) / span))
                encoder.write(shown[np.newaxis])
                last = picture
            held = last


def _entering(picture: Frames, place: int, span: int, transition: Transition, held: Frames | None) -> Frames:
    """How frame `place` of a scene looks when the scene comes in over `span` frames."""
    if transition is Transition.CUT or place >= span:
        return picture
    weight = (place + 1) / (span + 1)
    return _mixed(picture, held if transition is Transition.DISSOLVE else None, weight)


def _mixed(picture: Frames, under: Frames | None, weight: float) -> Frames:
    """`weight` parts of a picture over another one, or over black."""
    if weight >= 1:
        return picture
    mixed = picture.astype(np.float32) * weight
    if under is not None:
        mixed += under.astype(np.float32) * (1 - weight)
    rounded: Frames = np.rint(mixed).astype(np.uint8)
    return rounded


def _pictures(path: Path) -> Iterator[Frames]:
    with av.open(str(path)) as source:
        for frame in source.decode(video=0):
            rgb = frame.reformat(
                format="rgb24", src_colorspace="ITU709", src_color_range="MPEG", dst_color_range="JPEG"
            )
            yield rgb.to_ndarray().astype(np.uint8, copy=False)
