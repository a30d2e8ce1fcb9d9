"""The theme's colours as text styles."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.color import Color, ColorParseError

from kinolog_tui.words import COLOURS


def style(app: App[object], name: str, *, bold: bool = False) -> Style:
    """The style of a theme colour such as `success` or `text-muted`."""
    value = app.theme_variables.get(name, "")
    try:
        colour = Color.parse(value.split()[0]).rich_color if value and not value.startswith("auto") else None
    except ColorParseError:
        colour = None
    return Style(color=colour, bold=bold or None, dim=(name == "text-muted") or None)


def status_style(app: App[object], status: str, *, bold: bool = False) -> Style:
    """The style of a job's status."""
    return style(app, COLOURS.get(status, "foreground"), bold=bold)
