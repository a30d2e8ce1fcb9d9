"""The contrast of text in every theme that can be chosen."""

from __future__ import annotations

import pytest
from kinolog_tui.widgets.theme_styles import (
    CONTRAST,
    CURSOR_SHARE,
    FILLED,
    TEXT_COLOURS,
    least_contrast,
    readable_shade,
    readable_variables,
)
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

THEMES = [theme for theme in BUILTIN_THEMES.values() if not Color.parse(theme.primary).ansi]
FRAME_CONTRAST = 1.5
"""A frame is no text and says nothing that its title does not say: WCAG has no rule for it."""
LARGE = 3.0
"""What WCAG requires of bold and large text: black or white on a colour of medium brightness has no more."""


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_text_colour_can_be_read_on_every_background(theme: Theme) -> None:
    """Text colours have the contrast of level AA on the page, on surfaces, on bars and in the row of the cursor."""
    variables = theme.to_color_system().generate()
    readable = readable_variables(variables, dark=theme.dark)
    backgrounds = [Color.parse(variables[name]) for name in ("background", "surface", "panel")]
    cursor = Color.parse(variables["primary"])
    backgrounds += [below.blend(cursor, CURSOR_SHARE[theme.dark]) for below in backgrounds[:2]]
    for name in (*(f"text-{each}" for each in TEXT_COLOURS), "text-muted", "text-disabled"):
        assert least_contrast(Color.parse(readable[name]), backgrounds) >= CONTRAST, name
    for name in FILLED:
        assert least_contrast(Color.parse(readable[f"on-{name}"]), [Color.parse(variables[name])]) >= LARGE


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_frames_of_panels_are_seen(theme: Theme) -> None:
    """Frames stand out from the page in light themes as in dark ones, and less than that of the focused panel."""
    variables = theme.to_color_system().generate()
    readable = readable_variables(variables, dark=theme.dark)
    page = [Color.parse(variables["background"])]
    frame = least_contrast(Color.parse(readable["frame"]), page)
    assert FRAME_CONTRAST <= frame < least_contrast(Color.parse(readable["text-accent"]), page)


def test_a_colour_that_can_be_read_stays() -> None:
    """A colour with enough contrast is not changed; another one is changed by as little as needed."""
    assert readable_shade("#FFC473", ("#121212",)) == "#FFC473"
    shade = Color.parse(readable_shade("#A86D1C", ("#E0E0E0",)))
    assert CONTRAST <= least_contrast(shade, [Color.parse("#E0E0E0")]) < CONTRAST + 1
