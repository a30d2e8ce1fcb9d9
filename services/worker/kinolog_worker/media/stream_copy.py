"""Copies of encoded streams into other files, without decoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

_HEVC = "hevc"
_TAG_OF_HEVC = "hvc1"
"""What FFmpeg writes otherwise, `hev1`, is not played by Apple."""


MediaStream = TypeVar("MediaStream", VideoStream, AudioStream)


def add_copied_stream(target: OutputContainer, source: MediaStream) -> MediaStream:
    """Add a stream to `target` that takes the packets of `source`."""
    codec = source.codec_context.codec
    # The codec of an AV1 stream is its decoder, which no encoder has the name of.
    opaque = True if codec.name != codec.canonical_name else None
    stream = target.add_stream_from_template(source, opaque=opaque)
    if codec.canonical_name == _HEVC:
        stream.codec_context.codec_tag = _TAG_OF_HEVC
    return stream


def packets(source: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Yield the packets of a stream in decoding order, without the empty one at the end."""
    return (packet for packet in source.demux(stream) if packet.pts is not None)


def copied_packets(source: InputContainer, target: OutputContainer) -> Iterator[Packet[Any]]:
    """Yield the packets of frames and sound of a file, in its order, as those of new streams of `target`."""
    copies: dict[int, VideoStream | AudioStream] = {}
    for frames in source.streams.video:
        copies[frames.index] = add_copied_stream(target, frames)
    for sound in source.streams.audio:
        copies[sound.index] = add_copied_stream(target, sound)
    for packet in source.demux([*source.streams.video, *source.streams.audio]):
        if packet.pts is not None:
            packet.stream = copies[packet.stream_index]
            yield packet
