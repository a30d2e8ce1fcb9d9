"""The theme's colours as text styles."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.color import Color, ColorParseError

from kinolog_tui.text.display_text import COLOURS

MUTED = 0.3
"""Share of the background colour in muted text."""


def style(app: App[object], name: str, *, bold: bool = False) -> Style:
    """Return the style of a theme colour such as `success` or `text-muted`, in its shade for text."""
    colour = _colour(app, "foreground") if name == "text-muted" else _colour(app, f"text-{name}", name)
    background = _colour(app, "background")
    if name == "text-muted" and colour is not None and background is not None and colour.ansi is None:
        colour = colour.blend(background, MUTED)
    return Style(color=colour.rich_color if colour is not None else None, bold=bold or None)


def status_style(app: App[object], status: str, *, bold: bool = False) -> Style:
    """Return the style of a job's status."""
    return style(app, COLOURS.get(status, "foreground"), bold=bold)


def _colour(app: App[object], *names: str) -> Color | None:
    """Return the first of these that the theme defines."""
    for name in names:
        try:
            return Color.parse(app.theme_variables[name])
        except (KeyError, ColorParseError):
            continue
    return None
