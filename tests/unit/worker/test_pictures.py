"""Pictures of users are decoded as people see them, and what is no such picture is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kinolog_worker.media import pictures
from kinolog_worker.media.pictures import InputUnreadable, fitted, read_picture, uncut, within
from PIL import Image

RED, WHITE = (255, 0, 0), (255, 255, 255)
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


def _read(path: Path) -> Image.Image:
    return read_picture(path, _TYPES[path.suffix])


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_type_becomes_rgb(name: str, mode: str, tmp_path: Path) -> None:
    """A colour or a grey picture of each type has its size and about its colours."""
    Image.new("RGB", (32, 24), (200, 200, 200)).convert(mode).save(tmp_path / name)
    picture = _read(tmp_path / name)
    assert (picture.mode, picture.size) == ("RGB", (32, 24))
    assert abs(np.asarray(picture).astype(int) - 200).max() <= 3


def test_a_picture_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    """EXIF says that the stored left side is the top: the red left half of the file is the upper half."""
    stored = Image.new("RGB", (40, 20), "blue")
    stored.paste(RED, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by a quarter, clockwise
    stored.save(tmp_path / "a.png", exif=exif)
    picture = _read(tmp_path / "a.png")
    assert picture.size == (20, 40)
    assert picture.getpixel((10, 5)) == RED


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str, tmp_path: Path) -> None:
    """Whatever colour the file has there, nobody has seen it."""
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture = picture.convert(mode)
    if mode == "P":
        picture.info["transparency"] = 0
    picture.save(tmp_path / "a.png")
    assert _read(tmp_path / "a.png").getpixel((4, 4)) == WHITE


def test_a_picture_of_sixteen_bits_keeps_its_tones(tmp_path: Path) -> None:
    """Its upper eight bits count: it is not cut off at white."""
    Image.fromarray(np.full((8, 8), 0x8000, np.uint16)).save(tmp_path / "a.png")
    assert _read(tmp_path / "a.png").getpixel((4, 4)) == (128, 128, 128)


def _truncated(path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-900])


def _animated(path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def _other_type(path: Path) -> None:
    Image.new("RGB", (8, 8)).save(path, "GIF")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_truncated, "damaged"),
        (_animated, "is animated"),
        (_other_type, "damaged or no"),
        (lambda path: path.write_bytes(b""), "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_what_is_no_picture_is_refused(
    make: Callable[[Path], None], message: str, name: str, tmp_path: Path
) -> None:
    """The message says what is wrong and has no name of a file."""
    make(tmp_path / name)
    with pytest.raises(InputUnreadable, match=message) as refusal:
        _read(tmp_path / name)
    assert str(tmp_path) not in str(refusal.value)


def test_a_file_of_another_type_than_it_says_is_refused(tmp_path: Path) -> None:
    """The type is that of the upload: no other decoder looks at the bytes."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InputUnreadable, match="no jpeg"):
        read_picture(tmp_path / "a.png", "image/jpeg")
    with pytest.raises(InputUnreadable, match="image/gif is no type"):
        read_picture(tmp_path / "a.png", "image/gif")


def test_a_picture_is_not_decoded_if_it_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file may hold a picture that fills the memory."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 4095)
    with pytest.raises(InputUnreadable, match="more than 4095 pixels"):
        _read(tmp_path / "a.png")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 4096)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputUnreadable, match="DecompressionBomb"):
        _read(tmp_path / "a.png")


def test_a_missing_file_is_no_fault_of_the_user(tmp_path: Path) -> None:
    """It is an error of the worker, which another attempt may not have."""
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "a.png", "image/png")


def test_a_picture_covers_the_size_that_is_drawn() -> None:
    """Its middle is kept and nothing is stretched; a reference picture is kept whole and is never enlarged."""
    wide = Image.new("RGB", (300, 100), "blue")
    wide.paste(RED, (100, 0, 200, 100))
    covering = fitted(wide, 50, 50)
    assert covering.size == (50, 50)
    assert covering.getpixel((1, 25)) == covering.getpixel((48, 25)) == RED
    assert within(wide, 150, 150).size == (150, 50)
    assert within(wide, 600, 600).size == (300, 100)


@pytest.mark.parametrize(("scale", "width", "height"), [(1, 32, 32), (2, 16, 32)])
def test_what_was_cut_out_of_a_frame_lies_where_it_was(scale: int, width: int, height: int) -> None:
    """Its pixels are neither moved nor enlarged, and those at its edges go on to the sides."""
    shown = np.random.default_rng(1).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    shown = shown.repeat(scale, 0).repeat(scale, 1)[: 24 * scale, : 14 * scale]
    drawn = np.asarray(uncut(Image.fromarray(shown), width, height, scale))
    assert drawn.shape == (height, width, 3)
    left, top = (width - 14) // 2, (height - 24) // 2
    assert (drawn[top : top + 24, left : left + 14] == shown[::scale, ::scale]).all()
    assert (drawn[:, :left] == drawn[:, left : left + 1]).all()
    assert (drawn[:top] == drawn[top]).all()
