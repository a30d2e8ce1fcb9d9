"""Pictures in half blocks: the upper pixel is the foreground of a cell, the lower pixel its background."""

from __future__ import annotations

import os
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from kinolog_tui.graphics.clip_decoder import Picture

SHADES = " ░▒▓█"


@lru_cache(1 << 15)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))


def picture_strips(picture: Picture) -> list[Strip]:
    """Return the lines of a picture: in colours, or in shades with NO_COLOR."""
    return shade_strips(picture) if os.environ.get("NO_COLOR") else colour_strips(picture)


def picture_text(picture: Picture) -> Text:
    """Return a small picture as text."""
    text = Text(no_wrap=True)
    for number, line in enumerate(picture_strips(picture)):
        text.append("\n" if number else "")
        for segment in line:
            text.append(segment.text, style=segment.style)
    return text


def colour_strips(picture: Picture) -> list[Strip]:
    """Return a line for every two rows of pixels. Neighbours of one colour are one segment."""
    strips = []
    for row in range(0, picture.height, 2):
        upper, lower = _row(picture, row), _row(picture, row + 1)
        segments: list[Segment] = []
        start = 0
        for column in range(1, picture.width + 1):
            ends = column == picture.width
            if ends or upper[column] != upper[start] or lower[column] != lower[start]:
                segments.append(Segment("▀" * (column - start), _style(upper[start], lower[start])))
                start = column
        strips.append(Strip(segments, picture.width))
    return strips


def _row(picture: Picture, row: int) -> list[tuple[int, int, int]]:
    """Return the pixels of a row, in 32 levels per colour so that few styles are created."""
    start = row * picture.width * 3
    raw = picture.pixels[start : start + picture.width * 3]
    return [(raw[at] & 0xF8, raw[at + 1] & 0xF8, raw[at + 2] & 0xF8) for at in range(0, picture.width * 3, 3)]


def shade_strips(picture: Picture) -> list[Strip]:
    """Return lines of shades: the mean brightness of two pixels each."""
    strips = []
    for row in range(0, picture.height, 2):
        upper, lower = _row(picture, row), _row(picture, row + 1)
        light = [sum(a) + sum(b) for a, b in zip(upper, lower, strict=True)]
        words = "".join(SHADES[min(4, value * 5 // (6 * 256))] for value in light)
        strips.append(Strip([Segment(words, Style.null())], picture.width))
    return strips
