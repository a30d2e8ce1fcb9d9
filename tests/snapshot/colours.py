"""The colours of a screen: as letters that can be compared and read, and the contrast of its text."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters, digits

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

LEAST_CONTRAST = 2.5
"""Minimum contrast between text and its background; less is hard to read (WCAG requires 3 of large text)."""
PIXELS = "▀"
"""The character of pictures, whose colours are not the theme's."""


def colours(strips: Sequence[Strip]) -> str:
    """Return a letter per cell for its colours, then a legend."""
    letters: dict[str, str] = {}
    names = iter(ascii_letters + digits)
    lines = []
    for strip in strips:
        line = ""
        for segment in strip:
            look = _look(segment.style) if PIXELS not in segment.text else "pixels"
            if look not in letters:
                letters[look] = next(names)
            line += letters[look] * cell_len(segment.text)
        lines.append(line)
    legend = [f"{letter} {look}" for look, letter in letters.items()]
    return "\n".join([*lines, "", *legend]) + "\n"


def _look(style: Style | None) -> str:
    if style is None:
        return "plain"
    front = style.color.get_truecolor().hex if style.color else "default"
    back = style.bgcolor.get_truecolor().hex if style.bgcolor else "default"
    ways = [way for way in ("bold", "italic", "underline", "reverse", "dim") if getattr(style, way)]
    return " ".join([front, "on", back, *ways])


def contrasts(strips: Sequence[Strip]) -> list[tuple[str, float]]:
    """Return texts whose contrast with their background is too low, and the contrast."""
    found = []
    for strip in strips:
        for segment in strip:
            style = segment.style
            if style is None or not any(character.isalnum() for character in segment.text):
                continue
            if style.color is None or style.bgcolor is None:
                continue
            front, back = (_brightness(*c.get_truecolor()) for c in (style.color, style.bgcolor))
            contrast = (max(front, back) + 0.05) / (min(front, back) + 0.05)
            if contrast < LEAST_CONTRAST:
                found.append((segment.text.strip(), contrast))
    return found


def _brightness(*channels: int) -> float:
    """Return the relative luminance as WCAG defines it, 0 to 1."""
    red, green, blue = (
        value / 255 / 12.92 if value / 255 <= 0.03928 else ((value / 255 + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
