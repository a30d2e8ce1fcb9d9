"""Pictures in kitty's graphics protocol: compressed pixels that the terminal scales.

https://sw.kovidgoyal.net/kitty/graphics-protocol/ (also Ghostty, WezTerm, Konsole).
"""

from __future__ import annotations

import zlib
from base64 import b64encode

from kinolog_tui.graphics.clip_decoder import Picture

CHUNK = 4096
"""Maximum characters of a picture in one chunk."""
FIRST_ID = 0x6B696E6F
"""First of two ids that alternate: a picture is drawn before the previous one is deleted, so that nothing flickers."""


def encode(picture: Picture, number: int, columns: int, rows: int) -> str:
    """Return the sequence that draws a picture at the cursor and deletes the previous one.

    It covers `columns` by `rows` cells. The cursor does not move.
    """
    data = b64encode(zlib.compress(picture.pixels, 1)).decode("ascii")
    pieces = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    head = (
        f"a=T,f=24,o=z,t=d,s={picture.width},v={picture.height},i={_id(number)},p=1,"
        f"c={columns},r={rows},C=1,q=2,"
    )
    last = len(pieces) - 1
    written = [
        f"\x1b_G{head if index == 0 else ''}m={int(index < last)};{piece}\x1b\\"
        for index, piece in enumerate(pieces)
    ]
    return "".join(written) + _encode_removal(number - 1)


def encode_removal() -> str:
    """Return the sequence that deletes the picture."""
    return _encode_removal(0) + _encode_removal(1)


def _encode_removal(number: int) -> str:
    return f"\x1b_Ga=d,d=I,i={_id(number)},q=2\x1b\\"


def _id(number: int) -> int:
    return FIRST_ID + number % 2
