"""The theme's colours as text styles, in shades that can be read on every background of the dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from rich.style import Style
from textual.app import App
from textual.color import Color, ColorParseError

from kinolog_tui.text.display_text import COLOURS

CONTRAST = 4.5
"""Minimum contrast between text and background: level AA of WCAG 2.2 for text of usual size."""
SHADE_STEPS = 20
CURSOR_SHARE = {True: 0.3, False: 0.12}
"""Share of the primary colour in the row of a cursor, in dark and in light themes."""
TEXT_COLOURS = ("accent", "error", "primary", "secondary", "success", "warning")
FILLED = ("primary", "error", "warning")
"""Colours that buttons and banners are filled with."""
FRAME_SHARE = 0.35
"""Share of the colour of text in the frames of panels."""
BLACK, WHITE = Color(0, 0, 0), Color(255, 255, 255)
MUTED = 0.3
"""Share of the background colour in muted text, as far as the contrast permits."""


def style(app: App[object], name: str, *, bold: bool = False) -> Style:
    """Return the style of a theme colour such as `success` or `text-muted`, in its shade for text."""
    variables = app.theme_variables
    colour = _parsed(variables, "text-muted" if name == "text-muted" else f"text-{name}", name)
    return Style(color=colour.rich_color if colour is not None else None, bold=bold or None)


def status_style(app: App[object], status: str, *, bold: bool = False) -> Style:
    """Return the style of a job's status."""
    return style(app, COLOURS.get(status, "foreground"), bold=bold)


def readable_variables(variables: Mapping[str, str], *, dark: bool) -> dict[str, str]:
    """Return the variables of a theme that differ from its own: colours of text with enough contrast.

    `row-cursor` is the background of the row under a cursor, `on-primary` text on the primary colour, `frame` the frame
    of a panel without the focus. A theme of the terminal's own colours stays as it is.
    """
    background, primary = _parsed(variables, "background"), _parsed(variables, "primary")
    foreground = _parsed(variables, "foreground")
    if background is None or primary is None or foreground is None or background.ansi or foreground.ansi:
        on_colours = {f"on-{name}": "ansi_default" for name in FILLED}
        frame = variables.get("panel-lighten-2", "ansi_default")
        return on_colours | {"row-cursor": variables.get("primary", "ansi_blue"), "frame": frame}
    surface, panel = _parsed(variables, "surface") or background, _parsed(variables, "panel") or background
    share = CURSOR_SHARE[dark]
    cursors = [below.blend(primary, share) for below in (background, surface)]
    behind = tuple(each.hex6 for each in (background, surface, panel, *cursors))
    changed = {
        "row-cursor": f"{primary.hex6} {share:.0%}",
        "frame": background.blend(foreground, FRAME_SHARE).hex6,
    }
    for name in TEXT_COLOURS:
        colour = _parsed(variables, f"text-{name}", name)
        if colour is not None:
            changed[f"text-{name}"] = readable_shade(colour.hex6, behind)
    for name in FILLED:
        filled = _parsed(variables, name) or background
        black, white = (least_contrast(text, [filled]) for text in (BLACK, WHITE))
        changed[f"on-{name}"] = (BLACK if black > white else WHITE).hex6
    muted = readable_shade(foreground.blend(background, MUTED).hex6, behind)
    return changed | {"text-muted": muted, "text-disabled": muted, "foreground-muted": muted}


@lru_cache(256)
def readable_shade(colour: str, backgrounds: tuple[str, ...]) -> str:
    """Return the colour, made darker or lighter by as little as needed for its contrast with all backgrounds."""
    start, behind = Color.parse(colour), [Color.parse(each) for each in backgrounds]
    ends = sorted((BLACK, WHITE), key=lambda end: least_contrast(end, behind), reverse=True)
    for step in range(SHADE_STEPS + 1):
        shade = start.blend(ends[0], step / SHADE_STEPS)
        if least_contrast(shade, behind) >= CONTRAST:
            return shade.hex6
    return ends[0].hex6


def least_contrast(colour: Color, backgrounds: Iterable[Color]) -> float:
    """Return the lowest contrast of a colour with these backgrounds, as WCAG defines it."""
    return min(_contrast(_luminance(colour), _luminance(behind)) for behind in backgrounds)


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (colour.r / 255, colour.g / 255, colour.b / 255)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parsed(variables: Mapping[str, str], *names: str) -> Color | None:
    """Return the first of these colours that the theme defines."""
    for name in names:
        try:
            return Color.parse(variables[name])
        except (KeyError, ColorParseError):
            continue
    return None
