"""Encoded pictures, decoded again."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from pathlib import Path

import pytest
from kinolog_tui.graphics import kitty, sixel
from kinolog_tui.graphics.capabilities import TerminalCapabilities, capability_queries, parse_response
from kinolog_tui.graphics.clip_decoder import Picture, PixelBox, decode

FILM = Path(__file__).parents[2] / "snapshot" / "film.mp4"
CELL = (10, 20)


def kitty_pieces(written: str) -> list[tuple[dict[str, str], str]]:
    """Return the keys and the payload of each chunk."""
    found = re.findall(r"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\", written)
    return [(dict(part.split("=") for part in keys.split(",")), payload) for keys, payload in found]


def sixel_pixels(written: str) -> list[list[int]]:
    """Return rows of colour numbers; -1 where nothing was drawn."""
    head, body = re.fullmatch(r'\x1bP0;0;0q"1;1;(\d+;\d+)(.*)\x1b\\', written, re.DOTALL).groups()  # type: ignore[union-attr]
    width, height = map(int, head.split(";"))
    pixels = [[-1] * width for _ in range(-(-height // 6) * 6)]
    x = y = colour = 0
    for number, definition, repeat, sign, move in re.findall(
        r"#(\d+)(;2;\d+;\d+;\d+)?|(?:!(\d+))?([?-~])|([$-])", body
    ):
        if number:
            colour = colour if definition else int(number)
        elif move:
            x, y = 0, y + (6 if move == "-" else 0)
        else:
            to = x + int(repeat or 1)
            for bit in (bit for bit in range(6) if (ord(sign) - 63) >> bit & 1):
                pixels[y + bit][x:to] = [colour] * (to - x)
            x = to
    return pixels[:height]


def test_kitty_gets_every_pixel_in_chunks() -> None:
    """The joined and decompressed chunks of a picture are its pixels; it covers the cells of its box."""
    box = PixelBox(60, 20, CELL, enlarge=False)
    picture = decode(FILM, box).pictures[5]
    pieces = kitty_pieces(kitty.encode(picture, 1, *box.cells(picture)))
    *drawn, (removal, _) = pieces
    keys = drawn[0][0]
    assert {name: keys[name] for name in "afostvcr"} == {
        "a": "T", "f": "24", "o": "z", "s": "256", "v": "256", "t": "d", "c": "40", "r": "20",
    }  # fmt: skip
    assert [piece["m"] for piece, _ in drawn] == ["1"] * (len(drawn) - 1) + ["0"]
    assert all(len(payload) <= 4096 for _, payload in drawn)
    assert len(drawn) > 1
    packed = b64decode("".join(payload for _, payload in drawn))
    assert zlib.decompress(packed) == picture.pixels
    assert len(picture.pixels) == 256 * 256 * 3
    assert (removal["a"], removal["d"]) == ("d", "I")
    assert removal["i"] != keys["i"]


def test_kitty_shows_the_next_picture_before_it_deletes_the_last() -> None:
    """Two ids alternate; at the end both are deleted."""
    picture = Picture(2, 2, bytes(12))
    first, second = (kitty_pieces(kitty.encode(picture, number, 1, 1)) for number in (1, 2))
    assert first[0][0]["i"] == second[-1][0]["i"] != second[0][0]["i"] == first[-1][0]["i"]
    assert len({keys["i"] for keys, _ in kitty_pieces(kitty.encode_removal())}) == 2


@pytest.mark.parametrize("box", [PixelBox(60, 20, CELL), PixelBox(9, 7, (7, 13))])
def test_sixels_are_the_pixels(box: PixelBox) -> None:
    """Decoded sixels are the picture: every pixel has the number of its colour and none is missing."""
    picture = decode(FILM, box).pictures[5]
    rows = sixel_pixels(sixel.encode(picture))
    assert [pixel for row in rows for pixel in row] == [
        number_of(picture, at) for at in range(0, len(picture.pixels), 3)
    ]
    assert len(rows) == picture.height
    assert len({pixel for row in rows for pixel in row}) > 5


def number_of(picture: Picture, at: int) -> int:
    """Return the number of the nearest colour of a pixel."""
    red, green, blue = picture.pixels[at : at + 3]
    return round(red / 51) * 42 + round(green / 42.5) * 6 + round(blue / 51)


def test_the_colours_of_sixels_are_near_the_pixels() -> None:
    """Each used colour is defined in percent, at most half a level from its pixels."""
    written = sixel.encode(Picture(2, 1, bytes([250, 3, 100, 128, 255, 0])))
    assert "#212;2;100;0;40" in written
    assert "#162;2;60;100;0" in written


def test_long_runs_are_compressed() -> None:
    """A row of one colour is a count and a character."""
    assert "!500@" in sixel.encode(Picture(500, 1, bytes(500)))


def test_capabilities_in_responses() -> None:
    """kitty's graphics precede sixel, sixel precedes blocks; the size of a cell is read if it is reported."""
    cell, kind = "\x1b[6;21;9t", "\x1b[?62;4;22c"
    assert parse_response("\x1b_Gi=31;OK\x1b\\" + cell + kind) == TerminalCapabilities("kitty", (9, 21))
    assert parse_response(cell + kind) == TerminalCapabilities("sixel", (9, 21))
    assert parse_response("\x1b[?64;14;40c") == parse_response("") == TerminalCapabilities("blocks", (8, 16))
    assert parse_response("\x1b_Gi=31;ENOTSUPPORTED\x1b\\\x1b[?62c").kind == "blocks"


def test_tmux_gets_no_query_that_it_takes_for_a_title() -> None:
    """tmux and screen are sent only queries that they respond to; a terminal without support is sent none."""
    assert "\x1b_G" in capability_queries({"TERM": "xterm-kitty"})
    assert "\x1b_G" not in capability_queries({"TERM": "xterm-256color", "TMUX": "/tmp/tmux"})
    assert capability_queries({"TERM": "tmux-256color"}).endswith("\x1b[c")
    assert capability_queries({"TERM": "linux"}) == capability_queries({}) == ""
