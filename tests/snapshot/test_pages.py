"""Every page as it looks, at the sizes people have, with answers recorded from a real kinolog."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import pytest
from kinolog_tui.screens.job import TABS, JobPage
from kinolog_tui.screens.page import WIDE_COLUMNS
from textual.pilot import Pilot
from textual.widgets import TabbedContent

from tests.snapshot.driving import (
    NARROW,
    WIDE,
    app_of,
    dashboard,
    press,
    settled,
    strips,
    text,
    until_text,
)
from tests.snapshot.replay import recorded, replay

PICTURES = Path(__file__).parent / "pictures"
LEAST_CONTRAST = 2.5
"""Between text and what is behind it; less than this is hard to read (WCAG asks 3 of large text)."""
COVERED = ("job-video", "filter", "help", "settings")
"""Not read for contrast: pixels, pages behind dialogs, and boxes that are faint because they are not ticked."""
PROMPT = "A red circle moves right. Then a green square turns slowly, zoom in."


async def walk(pilot: Pilot[None]) -> AsyncIterator[str]:
    """Go to every page and tab; the name of each when it is there."""
    app = app_of(pilot)
    yield "dashboard"
    await press(pilot, "2")
    yield "jobs"
    await press(pilot, "f")
    yield "filter"
    await press(pilot, "escape")
    app.open_job(recorded()["running"])
    await settled(pilot)
    yield "job-running"
    await press(pilot, "escape")
    app.open_job(recorded()["made"])
    await settled(pilot)
    for tab in TABS:
        assert isinstance(app.screen, JobPage)
        app.screen.query_one(TabbedContent).active = tab
        await settled(pilot)
        if tab == "video":
            await press(pilot, "space", "home")
            await until_text(pilot, "❚❚  0.0")
        yield f"job-{tab}"
    await press(pilot, "escape", "3")
    app.screen.query_one("#prompt").load_text(PROMPT)  # type: ignore[attr-defined]  # a text area
    await settled(pilot)
    yield "generate"
    await press(pilot, "escape", "4")
    yield "analytics"
    await press(pilot, "5")
    yield "settings"
    await press(pilot, "question_mark")
    yield "help"


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])
async def test_pages_look_as_they_did(size: tuple[int, int], tmp_path: Path) -> None:
    """Every page shows what it showed when its picture was taken, in letters that can be read in light and dark."""
    changed, faint = [], []
    async with replay() as gateway, dashboard(gateway.url, tmp_path, size) as pilot:
        async for page in walk(pilot):
            seen = _steady(text(pilot), gateway.url, size[0])
            file = PICTURES / f"{page}-{size[0]}x{size[1]}.txt"
            if os.environ.get("KINOLOG_SNAPSHOTS") == "write":
                file.write_text(seen, encoding="utf-8")
            elif not file.exists() or file.read_text(encoding="utf-8") != seen:
                changed.append(f"--- {file.name}\n{seen}")
            if size == WIDE and page not in COVERED:
                for theme in ("textual-light", "textual-dark"):
                    pilot.app.theme = theme
                    await settled(pilot)
                    faint += [f"{page}, {theme}: {words!r} {ratio:.1f}" for words, ratio in _contrasts(pilot)]
    assert not changed, "KINOLOG_SNAPSHOTS=write takes new pictures of:\n" + "\n".join(changed)
    assert not faint, "\n".join(faint)


def _steady(seen: str, url: str, columns: int) -> str:
    """Without what differs from run to run: the address, and the version and folder in the lines under it."""
    left = columns // 2 if columns >= WIDE_COLUMNS else columns
    lines, about = [], False
    for line in seen.splitlines():
        about = (about and bool(line[:left].strip())) or f"kinolog {version('kinolog')}, kept in" in line
        shown = " …".ljust(left) + line[left:] if about or url in line else line
        lines.append(shown.rstrip())
    return "\n".join(lines) + "\n"


def _contrasts(pilot: Pilot[None]) -> list[tuple[str, float]]:
    """Letters and digits that are too close in brightness to what is behind them."""
    found = []
    for strip in strips(pilot):
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
    """Relative luminance as WCAG defines it, 0 to 1."""
    red, green, blue = (
        value / 255 / 12.92 if value / 255 <= 0.03928 else ((value / 255 + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
