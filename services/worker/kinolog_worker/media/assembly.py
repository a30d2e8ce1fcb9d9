"""Scene files into one clip.

Scenes joined by cuts only are copied without encoding them again. If one of them fades or dissolves, all are decoded,
blended and encoded again. The clip always has as many frames as its scenes together: a fade darkens existing frames,
and a dissolve mixes the last frame of a scene into the first frames of the next. If scenes have sound, theirs is joined
and encoded again, and the clip has it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream

from kinolog.storyboard.shots import Transition
from kinolog_worker.media.encoder import ClipEncoder, EncodingFailed
from kinolog_worker.media.encoder_settings import H264, VideoEncoding
from kinolog_worker.media.frames import Frames, decoded_frames
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.sound.scenes import joined_sound, sound_format_of_scenes
from kinolog_worker.media.sound.track import add_sound
from kinolog_worker.media.stream_copy import add_copied_stream, packets


@dataclass(frozen=True, slots=True)
class ClipTarget:
    """The path and format of the clip to make."""

    path: Path
    _: KW_ONLY
    width: int
    height: int
    fps: int
    encoding: VideoEncoding = H264


def assemble(scenes: Sequence[SceneClip], clip: ClipTarget, check: Callable[[], None]) -> bool:
    """Join `scenes` into `clip.path`. Return True if no frame was encoded again.

    `check` is called between frames or scenes and may raise to stop. Raises EncodingFailed.
    """
    clip.path.unlink(missing_ok=True)  # it may be a hard link to the only scene of an earlier attempt
    cuts_only = all(scene.transition is Transition.CUT for scene in scenes)
    try:
        if cuts_only and len(scenes) == 1:
            _link(scenes[0].path, clip.path)
            return True
        copies = cuts_only and _same_encoding(scenes)
        if copies:
            _join(scenes, clip, check)
        else:
            _blend(scenes, clip, check)
        if sound_format := sound_format_of_scenes(scenes):
            add_sound(clip.path, sound_format, joined_sound(scenes, clip.fps, sound_format), check)
    except FFmpegError as error:
        raise EncodingFailed(f"the scenes cannot be joined: {error.strerror}") from error
    return copies


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _same_encoding(scenes: Sequence[SceneClip]) -> bool:
    """Return True if all files have the same codec parameters, so that one header fits them all."""
    headers = set()
    for scene in scenes:
        with av.open(str(scene.path)) as source:
            stream = source.streams.video[0]
            headers.add((bytes(stream.codec_context.extradata or b""), stream.time_base))
    return len(headers) == 1


def _join(scenes: Sequence[SceneClip], clip: ClipTarget, check: Callable[[], None]) -> None:
    """Copy the packets of all scenes into one file, with new timestamps.

    Encoders reorder frames, and scenes differ in how far. Decoding timestamps are therefore counted again: one frame
    after the other, as far ahead of the presentation as the scene with the largest reordering needs.
    """
    ahead = max(_reordering(scene, clip.fps) for scene in scenes)
    with av.open(str(clip.path), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        out: VideoStream | None = None
        frames_before = 0
        for scene in scenes:
            check()
            with av.open(str(scene.path)) as source:
                stream = source.streams.video[0]
                out = out or add_copied_stream(target, stream)
                ticks = _frame_ticks(stream, clip.fps)
                for index, packet in enumerate(packets(source, stream)):
                    packet.dts = (frames_before + index - ahead) * ticks
                    packet.pts = (packet.pts or 0) + frames_before * ticks
                    packet.duration = ticks
                    packet.stream = out
                    target.mux(packet)
            frames_before += scene.frames


def _reordering(scene: SceneClip, fps: int) -> int:
    """Return by how many frames, at most, a frame is decoded later than its place in presentation order."""
    with av.open(str(scene.path)) as source:
        stream = source.streams.video[0]
        ticks = _frame_ticks(stream, fps)
        presentation = [(packet.pts or 0) // ticks for packet in packets(source, stream)]
    if sorted(presentation) != list(range(scene.frames)):
        raise EncodingFailed("a scene's file does not hold the frames that it should")
    return max(decoded - presented for decoded, presented in enumerate(presentation))


def _frame_ticks(stream: VideoStream, fps: int) -> int:
    """Return the length of a frame in units of the stream's time base."""
    if stream.time_base is None:
        raise EncodingFailed("a scene's file has no time base")
    return round(1 / (fps * stream.time_base))


def _blend(scenes: Sequence[SceneClip], clip: ClipTarget, check: Callable[[], None]) -> None:
    with ClipEncoder(
        clip.path, width=clip.width, height=clip.height, fps=clip.fps, encoding=clip.encoding
    ) as encoder:
        previous: Frames | None = None  # the last frame of the scene before
        for number, scene in enumerate(scenes):
            following = scenes[number + 1].transition if number + 1 < len(scenes) else Transition.CUT
            span = scene.transition_frames(clip.fps)
            for index, frame in enumerate(decoded_frames(scene.path)):
                check()
                shown = _faded_in(frame, index, span, scene.transition, previous)
                if following is Transition.FADE:
                    shown = _mixed(shown, None, min(1.0, (scene.frames - 1 - index) / span))
                encoder.write(shown[np.newaxis])
                last = frame
            previous = last


def _faded_in(
    frame: Frames, index: int, span: int, transition: Transition, previous: Frames | None
) -> Frames:
    """Return frame `index` of a scene whose transition lasts `span` frames; `previous` precedes the scene."""
    if transition is Transition.CUT or index >= span:
        return frame
    weight = (index + 1) / (span + 1)
    return _mixed(frame, previous if transition is Transition.DISSOLVE else None, weight)


def _mixed(frame: Frames, under: Frames | None, weight: float) -> Frames:
    """Return a frame with this weight, over another frame or over black."""
    if weight >= 1:
        return frame
    mixed = frame.astype(np.float32) * weight
    if under is not None:
        mixed += under.astype(np.float32) * (1 - weight)
    rounded: Frames = np.rint(mixed).astype(np.uint8)
    return rounded
