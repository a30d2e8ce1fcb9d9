"""What the first bytes of a file say of it, of files that the libraries of the worker write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from io import BytesIO
from typing import Any, cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from kinolog_api.dependencies import InputLimits
from kinolog_api.inputs import checked_content
from kinolog_api.inputs.checked_content import CheckedContent
from kinolog_api.inputs.media_format import HEADER_BYTES, MediaFormat, UnsupportedMedia, media_format
from PIL import Image
from PIL.PngImagePlugin import PngInfo

SIZE = (67, 41)


def _picture(form: str, mode: str = "RGB", **options: Any) -> bytes:
    file = BytesIO()
    Image.new(mode, SIZE, 120).save(file, form, **options)
    return file.getvalue()


def _animation(form: str) -> bytes:
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    return _picture_of(frames, form)


def _picture_of(frames: list[Image.Image], form: str) -> bytes:
    file = BytesIO()
    frames[0].save(file, form, save_all=True, append_images=frames[1:])
    return file.getvalue()


def _clip(form: str, codec: str, **options: Any) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format=form, options=options) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=8))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(2):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def _commented_png() -> bytes:
    info = PngInfo()
    info.add_text("comment", "x" * 5_000)
    return _picture("PNG", pnginfo=info)


PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "png": (lambda: _picture("PNG"), "image/png"),
    "png with alpha": (lambda: _picture("PNG", "RGBA"), "image/png"),
    "png with texts": (_commented_png, "image/png"),
    "jpeg": (lambda: _picture("JPEG"), "image/jpeg"),
    "progressive jpeg": (lambda: _picture("JPEG", progressive=True), "image/jpeg"),
    "jpeg of a camera": (lambda: _picture("JPEG", exif=b"Exif\0\0" + b"x" * 60_000), "image/jpeg"),
    "jpeg with a profile": (lambda: _picture("JPEG", icc_profile=b"p" * 200_000), "image/jpeg"),
    "grey jpeg": (lambda: _picture("JPEG", "L"), "image/jpeg"),
    "webp": (lambda: _picture("WEBP"), "image/webp"),
    "lossless webp": (lambda: _picture("WEBP", lossless=True), "image/webp"),
    "webp with alpha": (lambda: _picture("WEBP", "RGBA"), "image/webp"),
    "webp with a profile": (lambda: _picture("WEBP", icc_profile=b"p" * 500), "image/webp"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_state_type_and_size(name: str) -> None:
    """However the picture is stored. Fewer bytes say nothing yet, or the same; they never say something else."""
    make, media_type = PICTURES[name]
    content = make()
    expected = MediaFormat(media_type, *SIZE)
    assert media_format(content, complete=True) == expected
    for length in {*range(80), *range(80, len(content), max(1, len(content) // 50))}:
        assert media_format(content[:length], complete=False) in (None, expected)


@pytest.mark.parametrize("name", PICTURES)
def test_a_torn_picture_is_refused_or_known(name: str) -> None:
    """A file that ends within its header is refused with a reason, whatever the byte."""
    content, media_type = PICTURES[name][0](), PICTURES[name][1]
    found = {_known_or_refused(content[:length]) for length in range(min(len(content), 200))}
    assert found <= {MediaFormat(media_type, *SIZE), None}
    assert None in found


def _known_or_refused(content: bytes) -> MediaFormat | None:
    try:
        return media_format(content, complete=True)
    except UnsupportedMedia:
        return None


@pytest.mark.parametrize(
    ("form", "codec", "media_type"),
    [("mp4", "libx264", "video/mp4"), ("webm", "libvpx-vp9", "video/webm")],
)
def test_clips_state_their_type(form: str, codec: str, media_type: str) -> None:
    """Their size is known to whoever decodes them."""
    assert media_format(_clip(form, codec)[:512], complete=False) == MediaFormat(media_type)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"", "is not a PNG, JPEG or WebP picture, or an MP4 or WebM clip"),
        (lambda: b"GIF89a" + b"x" * 100, "is not a PNG"),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>" + b" " * 100, "is not a PNG"),
        (lambda: b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x04junk" + b"x" * 100, "damaged image/png"),
        (lambda: b"\xff\xd8\xff\xda" + b"x" * 100, "damaged image/jpeg"),
        (lambda: b"RIFF____WEBPjunk" + b"x" * 100, "damaged image/webp"),
        (lambda: _animation("PNG"), "animated"),
        (lambda: _animation("WEBP"), "animated"),
        (lambda: _picture("PNG")[:16] + bytes(8) + _picture("PNG")[24:], "states no size"),
        (lambda: _clip("mov", "libx264"), "QuickTime"),
        (lambda: _clip("matroska", "libx264"), "is not a PNG"),
        (lambda: b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"x" * 100, "HEIF or AVIF"),
        (lambda: b"\0\0\0\x1cftypM4A \0\0\0\0M4A mp42isom" + b"x" * 100, "is sound"),
        (
            lambda: b"\xff\xd8" + b"\xff\xe2\xff\xff" * 1 + b"x" * HEADER_BYTES,
            "does not state its size|damaged",
        ),
    ],
)
def test_other_files_are_refused(make: Callable[[], bytes], message: str) -> None:
    """The text says what the file is, where that helps."""
    with pytest.raises(UnsupportedMedia, match=message):
        media_format(make(), complete=True)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8" + b"\xff" * 5_000,
        _picture("PNG")[:33] + b"\0\0\0\0tEXt\0\0\0\0" * 2_000,
        b"\x1a\x45\xdf\xa3\x01\0\0\0\0\x10\0\0" + b"\x81\x80" * 5_000,
    ],
    ids=["jpeg", "png", "webm"],
)
def test_a_header_of_very_many_parts_is_not_read_to_its_end(content: bytes) -> None:
    """It is refused although it goes on: no picture has so many."""
    with pytest.raises(UnsupportedMedia):
        media_format(content, complete=False)


async def test_a_header_that_comes_in_small_pieces_is_read_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not again from its first byte with each of them."""
    lengths: list[int] = []

    def observed(head: bytes, *, complete: bool) -> MediaFormat | None:
        lengths.append(len(head))
        return media_format(head, complete=complete)

    monkeypatch.setattr(checked_content, "media_format", observed)
    content = _commented_png()

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(len(content)):
            yield content[at : at + 1]

    checked = CheckedContent(InputLimits())
    assert b"".join([piece async for piece in checked.pieces(pieces())]) == content
    assert checked.facts.width == SIZE[0]
    assert sum(lengths) < 4 * len(content)
