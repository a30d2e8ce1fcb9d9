"""Facts about a video file that was made elsewhere, by decoding it from beginning to end. The file is not changed."""

from __future__ import annotations

from fractions import Fraction
from hashlib import file_digest, sha256
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from kinolog_worker.media.encoder_settings import format_of
from kinolog_worker.media.pictures import MOST_PIXELS
from kinolog_worker.media.sound.facts import SoundFacts, sound_facts
from kinolog_worker.media.thumbnails import ThumbnailCollector
from kinolog_worker.media.video_check import MediaInvalid, OnFrame, VerifiedMedia, hash_planes

_FILE_TYPE_BOX = b"ftyp"
"""The kind of box with which an MP4 file begins."""

_HASHED_FORMAT = "yuv420p"


def delivered_video(path: Path) -> tuple[VerifiedMedia, ThumbnailCollector]:
    """Return what is in an MP4 file, and small images of it.

    The frame hash is that of the frames in yuv420p, as for every video. Raises MediaInvalid if the file is no MP4 of
    one video stream with a rate, if it cannot be decoded, or if frames differ in size.
    """
    try:
        frames, rate = _stated(path)
        thumbnails = ThumbnailCollector(frames=frames, fps=float(rate))
        facts = _decoded(path, rate, thumbnails.add_frame)
        if facts.frames != frames:  # packets without a frame of their own
            thumbnails = ThumbnailCollector(frames=facts.frames, fps=float(rate))
            _decoded(path, rate, thumbnails.add_frame)
    except FFmpegError as error:
        raise MediaInvalid(f"the file cannot be decoded: {error.strerror}") from None
    return facts, thumbnails


def _stated(path: Path) -> tuple[int, Fraction]:
    """Return the number of packets and the rate of the video, without decoding it."""
    with path.open("rb") as file:
        if file.read(12)[4:8] != _FILE_TYPE_BOX:
            raise MediaInvalid("the file is not MP4")
    with _as_mp4(path) as container:
        if len(container.streams.video) != 1:
            raise MediaInvalid("the file does not hold one video stream")
        stream = container.streams.video[0]
        if stream.width * stream.height > MOST_PIXELS:
            raise MediaInvalid(f"a frame has more than {MOST_PIXELS} pixels")
        if not stream.average_rate:
            raise MediaInvalid("the video has no rate")
        packets = sum(1 for packet in container.demux(stream) if packet.size)
        if not packets:
            raise MediaInvalid("the video has no frame")
        return packets, stream.average_rate


def _as_mp4(path: Path) -> InputContainer:
    """Open a file as MP4 alone: files of other kinds may be lists of files that are opened in their place."""
    return av.open(str(path), format="mp4", options={"protocol_whitelist": "file"})


def _decoded(path: Path, rate: Fraction, on_frame: OnFrame) -> VerifiedMedia:
    running, count = sha256(), 0
    with _as_mp4(path) as container:
        stream: VideoStream = container.streams.video[0]
        codec, pixel_format = format_of(stream.codec_context.codec.canonical_name), stream.pix_fmt or ""
        width, height = stream.width, stream.height
        for count, frame in enumerate(container.decode(stream), start=1):
            if (frame.width, frame.height) != (width, height):
                raise MediaInvalid(f"frame {count - 1} is {frame.width}x{frame.height}, not {width}x{height}")
            is_hashed = frame.format.name == _HASHED_FORMAT
            hash_planes(running, frame if is_hashed else frame.reformat(format=_HASHED_FORMAT))
            on_frame(count - 1, frame)
    if not count:
        raise MediaInvalid("no frame can be decoded")
    sound = _sound(path)
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return VerifiedMedia(
        codec=codec,
        pixel_format=pixel_format,
        width=width,
        height=height,
        fps=float(rate),
        frames=count,
        duration_seconds=float(count / rate),
        size_bytes=path.stat().st_size,
        sha256=digest,
        frame_hash=running.hexdigest(),
        audio_codec=sound.codec if sound else "",
        audio_sample_rate=sound.format.rate if sound else 0,
        audio_channels=sound.format.channels if sound else 0,
    )


def _sound(path: Path) -> SoundFacts | None:
    try:
        return sound_facts(path)
    except ValueError as error:
        raise MediaInvalid(f"the sound cannot be used: {error}") from None
