"""Verification of a video file by decoding it from beginning to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Protocol, TypeAlias

import av
from av.error import FFmpegError
from av.video.frame import VideoFrame

from kinolog.counts import counted
from kinolog.models.codecs import VideoCodec
from kinolog_worker.media.encoder_settings import format_of
from kinolog_worker.media.sound.facts import SoundFacts, sound_facts

_AUDIO_BLOCK = 1024
"""Samples that are encoded together. Decoders return the last block as a whole."""

OnFrame: TypeAlias = Callable[[int, VideoFrame], None]


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> None: ...


class MediaInvalid(Exception):
    """The file is not the expected video; the message states why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedMedia:
    """Facts about a video file. Source: decoding it.

    `frame_hash` is the sha256 over the Y, U and V planes of all frames in order (what
    `ffmpeg -i FILE -f rawvideo -pix_fmt yuv420p - | sha256sum` prints), so it depends neither on the container nor on
    the sound. `audio_codec` is empty for a video without sound.
    """

    codec: str
    pixel_format: str
    width: int
    height: int
    fps: float
    frames: int
    duration_seconds: float
    size_bytes: int
    sha256: str
    frame_hash: str
    audio_codec: str = ""
    audio_sample_rate: int = 0
    audio_channels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedMedia:
    """The format that a finished video must have."""

    width: int
    height: int
    fps: int
    frames: int
    codec: VideoCodec = VideoCodec.H264
    has_sound: bool = False


def verify_video(path: Path, expected: ExpectedMedia, on_frame: OnFrame | None = None) -> VerifiedMedia:
    """Decode every frame of `path`, pass each to `on_frame`, and compare the video with `expected`.

    Raises MediaInvalid if the file cannot be read, or is not of that codec, size, rate and length, in yuv420p, or if
    its sound does not last as long as its frames.
    """
    running = sha256()
    count = 0
    try:
        with av.open(str(path)) as container:
            if len(container.streams.video) != 1:
                raise MediaInvalid("the file does not hold one video stream")
            stream = container.streams.video[0]
            codec, rate = format_of(stream.codec_context.codec.canonical_name), stream.average_rate
            for count, frame in enumerate(container.decode(stream), start=1):
                _check_frame(count - 1, frame, expected)
                hash_planes(running, frame)
                if on_frame is not None:
                    on_frame(count - 1, frame)
    except FFmpegError as error:
        raise MediaInvalid(f"the file cannot be decoded: {error.strerror}") from None
    _check_video(codec, rate, count, expected)
    sound = _checked_sound(path, expected)
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return VerifiedMedia(
        codec=codec,
        pixel_format="yuv420p",
        width=expected.width,
        height=expected.height,
        fps=float(expected.fps),
        frames=count,
        duration_seconds=count / expected.fps,
        size_bytes=path.stat().st_size,
        sha256=digest,
        frame_hash=running.hexdigest(),
        audio_codec=sound.codec if sound else "",
        audio_sample_rate=sound.format.rate if sound else 0,
        audio_channels=sound.format.channels if sound else 0,
    )


def _check_frame(index: int, frame: VideoFrame, expected: ExpectedMedia) -> None:
    if (frame.width, frame.height) != (expected.width, expected.height):
        raise MediaInvalid(
            f"frame {index} is {frame.width}x{frame.height}, not {expected.width}x{expected.height}"
        )
    if frame.format.name != "yuv420p":
        raise MediaInvalid(f"frame {index} is {frame.format.name}, not yuv420p")
    if (
        frame.pts is None
        or frame.time_base is None
        or frame.pts * frame.time_base != Fraction(index, expected.fps)
    ):
        raise MediaInvalid(f"frame {index} is not shown at {index}/{expected.fps} s")


def _check_video(codec: str, rate: Fraction | None, frames: int, expected: ExpectedMedia) -> None:
    if codec != expected.codec.video_format:
        raise MediaInvalid(f"the codec is {codec}, not {expected.codec.video_format}")
    if frames != expected.frames:
        raise MediaInvalid(f"the file holds {counted(frames, 'frame')}, not {expected.frames}")
    if frames > 1 and rate != expected.fps:
        raise MediaInvalid(f"the rate is {rate} frames a second, not {expected.fps}")


def _checked_sound(path: Path, expected: ExpectedMedia) -> SoundFacts | None:
    """Decode the sound. It starts with the first frame and ends with the last, within one frame."""
    try:
        sound = sound_facts(path)
    except FFmpegError as error:
        raise MediaInvalid(f"the sound cannot be decoded: {error.strerror}") from None
    except ValueError as error:
        raise MediaInvalid(f"the file is no video: {error}") from None
    if (sound is not None) != expected.has_sound:
        raise MediaInvalid("the file has sound" if sound else "the file has no sound")
    if sound is not None:
        frame, block = Fraction(1, expected.fps), Fraction(_AUDIO_BLOCK, sound.format.rate)
        end = expected.frames * frame
        if abs(sound.start) > frame or not end - frame <= sound.end <= end + frame + block:
            lasts = f"from {float(sound.start):.3f} to {float(sound.end):.3f} s"
            raise MediaInvalid(f"the sound lasts {lasts}, and the frames to {float(end):.3f} s")
    return sound


def hash_planes(running: _Hash, frame: VideoFrame) -> None:
    """Hash a frame's planes without the padding at the end of their lines."""
    for plane in frame.planes:
        view = memoryview(plane)
        if plane.line_size == plane.width:
            running.update(view[: plane.width * plane.height])
            continue
        for line in range(plane.height):
            start = line * plane.line_size
            running.update(view[start : start + plane.width])
