"""What a file is, read from its first bytes. Nothing is decoded: that is for the inference process. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HEADER_BYTES = 1 << 20
"""A picture states its size within so many bytes: behind a large colour profile, but not behind a film."""

MOST_PARTS = 1_000
"""Parts of a header that are read. Pictures have tens; more would only keep the api busy."""

_TYPE_BYTES = 4_096
"""A clip states its type within so many bytes."""

PNG, JPEG, WEBP, MP4, WEBM = "image/png", "image/jpeg", "image/webp", "video/mp4", "video/webm"
TAKEN = "a PNG, JPEG or WebP picture, or an MP4 or WebM clip"

_PNG_MARK = b"\x89PNG\r\n\x1a\n"
_EBML_MARK = b"\x1a\x45\xdf\xa3"
_DOC_TYPE = 0x4282
"""The element of an EBML header that says webm."""
_MP4_BRANDS = frozenset(
    {
        *(b"iso%d" % number for number in range(2, 10)),
        b"isom",
        b"mp41",
        b"mp42",
        b"avc1",
        b"M4V ",
        b"dash",
        b"MSNV",
    }
)
"""Brands of MP4 clips."""
_NO_CLIPS = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"M4A ", b"M4B ", b"qt  "})
"""Brands of pictures, of sound and of QuickTime films, which have the form of an MP4 file."""

_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Segments of a JPEG file that begin a frame and state its size."""
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
"""Segments without a length."""
_END_MARKERS = frozenset({0xD9, 0xDA})
"""Segments that a frame comes before."""


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """Type of a file. `width` and `height` are those of a picture as it is stored, 0 for a clip."""

    media_type: str
    width: int = 0
    height: int = 0


class UnsupportedMedia(ValueError):
    """The file is none that jobs can start from. The message says what is wrong, and what to send instead."""


class _NeedsMore(Exception):
    """The header goes on after these bytes."""


def media_type_of(head: bytes) -> str:
    """Return the media type of a file by its first bytes, of which 64 suffice. Raises `UnsupportedMedia`."""
    if head.startswith(_PNG_MARK):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        return _mp4(head[:_TYPE_BYTES])
    if head.startswith(_EBML_MARK) and _doc_type(head[:_TYPE_BYTES]) == b"webm":
        return WEBM
    raise UnsupportedMedia(f"is not {TAKEN}")


def media_format(head: bytes, *, complete: bool) -> MediaFormat | None:
    """Return what the first bytes of a file say of it; None if they do not suffice, unless they are `complete`.

    Raises `UnsupportedMedia`.
    """
    if len(head) < 64 and not complete:
        return None
    media_type = media_type_of(head)
    read_size = _SIZES.get(media_type)
    if read_size is None:
        return MediaFormat(media_type)
    try:
        width, height = read_size(head)
    except _NeedsMore:
        if complete or len(head) >= HEADER_BYTES:
            raise UnsupportedMedia(f"is a torn {media_type} file: it does not state its size") from None
        return None
    if not width or not height:
        raise UnsupportedMedia(f"is a damaged {media_type} file: it states no size")
    return MediaFormat(media_type, width, height)


def _png_size(head: bytes) -> tuple[int, int]:
    width = height = 0
    at = len(_PNG_MARK)
    for _ in range(MOST_PARTS):
        length, kind = _unpacked(">I4s", head, at)
        if at == len(_PNG_MARK):
            if kind != b"IHDR":
                raise UnsupportedMedia("is a damaged image/png file: it does not begin with its size")
            width, height = _unpacked(">II", head, at + 8)
        if kind == b"acTL":
            raise UnsupportedMedia("is an animated picture; send one of its frames, or a clip")
        if kind in (b"IDAT", b"IEND"):
            return width, height
        at += 12 + length
    raise UnsupportedMedia("is a damaged image/png file: it does not come to its picture")


def _jpeg_size(head: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(MOST_PARTS):
        (mark,) = _unpacked(">B", head, at)
        if mark != 0xFF:
            raise UnsupportedMedia("is a damaged image/jpeg file")
        (marker,) = _unpacked(">B", head, at + 1)
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _SIZE_MARKERS:
            height, width = _unpacked(">HH", head, at + 5)
            return width, height
        elif marker in _END_MARKERS:
            raise UnsupportedMedia("is a damaged image/jpeg file: it does not state its size")
        elif marker in _BARE_MARKERS:
            at += 2
        else:
            (length,) = _unpacked(">H", head, at + 2)
            at += 2 + max(length, 2)
    raise UnsupportedMedia("is a damaged image/jpeg file: it does not state its size")


def _webp_size(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    if kind == b"VP8X":
        flags, width, more_width, height, more_height = _unpacked("<B3xHBHB", head, 20)
        if flags & 0x02:
            raise UnsupportedMedia("is an animated picture; send one of its frames, or a clip")
        return (more_width << 16 | width) + 1, (more_height << 16 | height) + 1
    if kind == b"VP8L":
        mark, bits = _unpacked("<BI", head, 20)
        if mark != 0x2F:
            raise UnsupportedMedia("is a damaged image/webp file")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        mark, width, height = _unpacked("<3x3sHH", head, 20)
        if mark != b"\x9d\x01\x2a":
            raise UnsupportedMedia("is a damaged image/webp file")
        return width & 0x3FFF, height & 0x3FFF
    raise UnsupportedMedia("is a damaged image/webp file")


_SIZES = {PNG: _png_size, JPEG: _jpeg_size, WEBP: _webp_size}


def _mp4(head: bytes) -> str:
    major = head[8:12]
    listed = range(16, min(len(head), int.from_bytes(head[:4], "big")) - 3, 4)
    brands = {major, *(head[at : at + 4] for at in listed)}
    if major in _NO_CLIPS:
        what = {b"qt  ": "a QuickTime film", b"M4A ": "sound", b"M4B ": "sound"}.get(
            major, "a HEIF or AVIF picture"
        )
        raise UnsupportedMedia(f"is {what}; send {TAKEN}")
    if not brands & _MP4_BRANDS:
        raise UnsupportedMedia(f"is not {TAKEN}")
    return MP4


def _doc_type(head: bytes) -> bytes:
    """Return what an EBML header says that its file is; empty if it says nothing within these bytes."""
    try:
        for element, start, length in _elements(head):
            if element == _DOC_TYPE:
                return head[start : start + length].rstrip(b"\0")
    except _NeedsMore:
        pass
    return b""


def _elements(head: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield id, start and length of the elements in an EBML header. Raises `_NeedsMore`."""
    length, at = _number(head, 4, keep_mark=False)
    end = at + length
    while at < end:
        element, at = _number(head, at, keep_mark=True)
        length, at = _number(head, at, keep_mark=False)
        yield element, at, length
        at += length


def _number(head: bytes, at: int, *, keep_mark: bool) -> tuple[int, int]:
    """Return a number of variable length and where it ends. Raises `_NeedsMore`."""
    (first,) = _unpacked(">B", head, at)
    length = 9 - first.bit_length()
    if not first or at + length > len(head):
        raise _NeedsMore
    value = int.from_bytes(head[at : at + length], "big")
    return value if keep_mark else value & (1 << 7 * length) - 1, at + length


def _unpacked(form: str, head: bytes, at: int) -> tuple[Any, ...]:
    """Return the values of a form (`struct`) at a place of the header. Raises `_NeedsMore` if it ends before."""
    try:
        return struct.unpack_from(form, head, at)
    except struct.error:
        raise _NeedsMore from None
