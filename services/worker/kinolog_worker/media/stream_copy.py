"""Copies of encoded streams into other files, without decoding."""

from __future__ import annotations

from collections.abc import Iterator

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

_HEVC = "hevc"
_TAG_OF_HEVC = "hvc1"
"""What FFmpeg writes otherwise, `hev1`, is not played by Apple."""


def add_copied_stream(target: OutputContainer, source: VideoStream) -> VideoStream:
    """Add a stream to `target` that takes the packets of `source`."""
    codec = source.codec_context.codec
    # The codec of an AV1 stream is its decoder, which no encoder has the name of.
    opaque = True if codec.name != codec.canonical_name else None
    stream = target.add_stream_from_template(source, opaque=opaque)
    if codec.canonical_name == _HEVC:
        stream.codec_context.codec_tag = _TAG_OF_HEVC
    return stream


def packets(source: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Yield the packets of a file in decoding order, without the empty one at the end."""
    return (packet for packet in source.demux(stream) if packet.pts is not None)
