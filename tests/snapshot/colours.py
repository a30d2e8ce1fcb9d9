"""The colours of a screen: as letters that can be compared and read, and the contrast of its text."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters, digits

from kinolog_tui.widgets.theme_styles import CONTRAST, least_contrast
from rich.cells import cell_len
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

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
            if style.color is None or style.bgcolor is None or PIXELS in segment.text:
                continue
            front, back = (Color.from_rich_color(colour) for colour in (style.color, style.bgcolor))
            contrast = least_contrast(front, [back])
            if contrast < CONTRAST:
                found.append((segment.text.strip(), contrast))
    return found


def bare_lines(strips: Sequence[Strip]) -> list[str]:
    """Return lines of which a part has no background: the terminal's own one may be dark in a light theme."""
    return [
        strip.text
        for strip in strips
        if any(segment.text and (segment.style is None or segment.style.bgcolor is None) for segment in strip)
    ]
