"""Pictures as sixels: bands of six rows of pixels, each band drawn once per colour in it.

Colours are those of a cube of six steps of red, seven of green and six of blue: as many as a terminal has registers
for. Nearest ones are taken without dithering, whose noise would make a picture several times as long.
"""

from __future__ import annotations

import re
from functools import cache

from kinolog_tui.graphics.clip_decoder import Picture

BAND_ROWS = 6
STEPS = (6, 7, 6)
"""Levels of red, green and blue."""
WEIGHTS = (42, 6, 1)
"""Weight of a level of each in the number of a colour."""
FIRST_SIGN = 63
"""The character of a column of six pixels is this plus its bits. The topmost pixel is the lowest bit."""
SIGNS = bytes(min(255, bits + FIRST_SIGN) for bits in range(256))
REPEATS = re.compile(rb"(.)\1{3,}", re.DOTALL)


def encode(picture: Picture) -> str:
    """Return the sequence that draws a picture at the cursor, pixel by pixel."""
    width, pixels = picture.width, numbers(picture)
    rows = [pixels[start : start + width] for start in range(0, width * picture.height, width)]
    bands = [_band(rows[at : at + BAND_ROWS], width) for at in range(0, len(rows), BAND_ROWS)]
    colours = b"".join(_colour(number) for number in sorted(set(pixels)))
    head = b'\x1bP0;0;0q"1;1;%d;%d' % (width, picture.height)
    return (head + colours + b"-".join(bands) + b"\x1b\\").decode("ascii")


def numbers(picture: Picture) -> bytes:
    """Return the colour number of each pixel, a byte each. All bytes are added at once: no sum overflows its byte."""
    parts = (picture.pixels[part::3].translate(_steps(part)) for part in range(3))
    return sum(int.from_bytes(part, "big") for part in parts).to_bytes(picture.width * picture.height, "big")


@cache
def _steps(part: int) -> bytes:
    """Return what each value of red, green or blue adds to the number of a colour."""
    return bytes(round(value * (STEPS[part] - 1) / 255) * WEIGHTS[part] for value in range(256))


def _band(rows: list[bytes], width: int) -> bytes:
    drawn = []
    for number in sorted(set().union(*rows)):
        only, bits = _only(number), 0
        for place, row in enumerate(rows):
            if number in row:
                bits |= int.from_bytes(row.translate(only), "big") << place
        signs = bits.to_bytes(width, "big").translate(SIGNS).rstrip(b"?")
        drawn.append(b"#%d" % number + REPEATS.sub(_repeated, signs))
    return b"$".join(drawn)


def _repeated(found: re.Match[bytes]) -> bytes:
    return b"!%d%b" % (len(found[0]), found[1])


@cache
def _only(number: int) -> bytes:
    """Return the translation of pixels of this colour to 1 and of all others to 0."""
    return bytes(int(pixel == number) for pixel in range(256))


@cache
def _colour(number: int) -> bytes:
    """Define the colour of a register; its levels are percentages."""
    levels = [
        round(number // weight % steps * 100 / (steps - 1))
        for steps, weight in zip(STEPS, WEIGHTS, strict=True)
    ]
    return b"#%d;2;%d;%d;%d" % (number, *levels)
