"""Pictures of every page at two sizes, with responses recorded from a real kinolog."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kinolog_tui.screens.audit.audit_page import TABS as AUDIT_TABS
from kinolog_tui.screens.job.job_page import TABS, JobPage
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input, TabbedContent, TextArea

from tests.snapshot.audit import offer_audit
from tests.snapshot.colours import bare_lines, colours, contrasts
from tests.snapshot.dashboard_pilot import (
    NARROW,
    WIDE,
    app_of,
    dashboard,
    press,
    settled,
    strips,
    text_of,
    until_text,
)
from tests.snapshot.replay import recorded, replay
from tests.snapshot.webhooks import offer_webhooks

PICTURES = Path(__file__).parent / "pictures"
THEMES = ("textual-light", "textual-dark")
ADDRESS = "http://127.0.0.1:#####"
"""Stands for the address of the replay, which has another port in each run."""
PROMPT = "A red circle moves right. Then a green square turns slowly, zoom in."


async def walk(pilot: Pilot[None]) -> AsyncIterator[str]:
    """Go to every page and tab. Yield the name of each."""
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
    await press(pilot, "v")
    yield "job-proof"
    await press(pilot, "escape", "escape", "3")
    prompt = app.screen.query_one("#prompt", TextArea)
    prompt.cursor_blink = False  # it would be there in one picture and not in the next
    prompt.load_text(PROMPT)
    app.screen.query_one("#variants", Input).value = "4"
    await settled(pilot)
    yield "generate"
    await press(pilot, "escape", "4")
    yield "analytics"
    await press(pilot, "6")
    yield "films"
    await press(pilot, "7")
    for tab in AUDIT_TABS:
        app.screen.query_one(TabbedContent).active = tab
        await settled(pilot)
        yield f"audit-{tab}"
    await press(pilot, "escape", "5")
    yield "settings"
    await press(pilot, "K")
    yield "keys"
    await press(pilot, "escape", "W")
    await settled(pilot)
    yield "webhooks"
    await press(pilot, "escape")
    await press(pilot, "question_mark")
    yield "help"


def readable(pilot: Pilot[None], lines: list[Strip]) -> list[Strip]:
    """Return those lines of the screen that a person reads: below a dialog, the page is dimmed."""
    dialogs = pilot.app.screen.query(".dialog")
    if not dialogs:
        return lines
    region = dialogs.first().region
    return [strip.crop(region.x, region.right) for strip in lines[region.y : region.bottom]]


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])
async def test_pages_look_as_they_did(
    size: tuple[int, int], tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page has the text and the colours of its picture, in the light and the dark theme."""
    monkeypatch.setattr("kinolog_tui.screens.settings.version", lambda _: "1.0.0")
    writes = request.config.getoption("--write-pictures", default=False)
    changed, faint, bare = [], [], []
    async with replay() as gateway, dashboard(gateway.url, tmp_path, size) as pilot:
        offer_webhooks(gateway)
        offer_audit(gateway)
        async for page in walk(pilot):
            for theme in sorted(THEMES, key=lambda theme: theme != pilot.app.theme):  # the one it has first
                if theme != pilot.app.theme:
                    pilot.app.theme = theme
                    await settled(pilot)
                lines = strips(pilot)
                words = text_of(lines).replace(gateway.url.ljust(len(ADDRESS)), ADDRESS)
                seen = words + "\n" + colours(lines)
                file = PICTURES / f"{page}-{size[0]}x{size[1]}-{theme.removeprefix('textual-')}.txt"
                if writes:
                    file.write_text(seen, encoding="utf-8")
                elif not file.exists() or file.read_text(encoding="utf-8") != seen:
                    changed.append(f"--- {file.name}\n{seen}")
                bare += [f"{file.name}: {line}" for line in bare_lines(lines)]
                faint += [
                    f"{file.name}: {words!r} {ratio:.1f}"
                    for words, ratio in contrasts(readable(pilot, lines))
                ]
    assert not changed, "pytest tests/snapshot --write-pictures takes new pictures of:\n" + "\n".join(changed)
    assert not faint, "\n".join(faint)
    assert not bare, "lines on the terminal's own background:\n" + "\n".join(bare)
