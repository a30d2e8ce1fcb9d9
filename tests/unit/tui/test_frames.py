"""What is whole at the widths of usual terminals: words in the frames of panels, and in heads."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_tui.widgets.job.job_details import JobHead
from textual.content import Content
from textual.pilot import Pilot
from textual.widget import Widget

from tests.snapshot.colours import contrasts
from tests.snapshot.dashboard_pilot import NARROW, dashboard, press, settled, strips, text
from tests.snapshot.replay import Replay, recorded

WIDTHS = (80, 100, 110, 120, 140, 200)
FRAME_CELLS = 6
"""Cells of a frame's line that its words cannot have: the corner, a line and a space at each end."""

pytestmark = pytest.mark.slow


def cut_words(pilot: Pilot[None]) -> list[str]:
    """Return titles and legends of the screen that have no room."""
    return [words for widget in pilot.app.screen.query(Widget) for words in _cut(widget)]


def _cut(widget: Widget) -> list[str]:
    room = widget.outer_size.width - FRAME_CELLS
    if not widget.is_on_screen or not widget.styles.border_bottom[0] or room <= 0:
        return []
    words = [widget.border_title, widget.border_subtitle]
    return [one for one in words if one and Content.from_markup(one).cell_length > room]


async def test_words_in_frames_are_whole(gateway: Replay, pilot: Pilot[None]) -> None:
    """At every width the title and the legend of each panel of numbers are there to their last letter."""
    for path, answer in gateway.answers.items():
        for point in answer["points"] if path.startswith("/api/v1/analytics/trends") else ():
            point |= {"completed": 1, "failed": 1, "cancelled": 1}
    cut = []
    for keys in (["ctrl+r"], ["4"]):
        await press(pilot, *keys)
        for width in WIDTHS:
            await pilot.resize_terminal(width, 40)
            cut += [f"page {keys} at {width}: {words}" for words in cut_words(pilot)]
    assert "■ failed" in text(pilot)
    assert not cut, "\n".join(cut)


async def test_panels_without_numbers_follow_the_theme(gateway: Replay, tmp_path: Path) -> None:
    """Without workers, their panel says at 80 columns what starts one, in colours of the theme that is chosen then."""
    gateway.answers["/api/v1/workers"]["workers"] = []
    async with dashboard(gateway.url, tmp_path, NARROW) as pilot:
        for theme in ("textual-light", "textual-dark"):
            pilot.app.theme = theme
            await settled(pilot)
            assert "none: `kinolog up` starts one" in text(pilot)
            assert contrasts(strips(pilot)) == []
        assert "0 of 0" not in text(pilot)


async def test_the_head_beside_the_list_has_whole_words(gateway: Replay, tmp_path: Path) -> None:
    """Beside the list there is no room for the model after the id; the facts below have it."""
    async with dashboard(gateway.url, tmp_path, (140, 40)) as pilot:
        await press(pilot, "2")
        head = text(pilot).split("\n")[pilot.app.screen.query_one(JobHead).region.y]
        assert head.rstrip().endswith(
            str(recorded()["answers"]["/api/v1/jobs?limit=50"]["jobs"][0]["job_id"])
        )
        assert "model     kinolog-tiny" in text(pilot)
