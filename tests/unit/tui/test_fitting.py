"""Stories of a terminal that changes its size, of texts that would control it, and of the bottom line."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_tui.text.control_characters import without_controls
from kinolog_tui.widgets.job.player import Player
from kinolog_tui.widgets.key_line import KeyLine
from textual.pilot import Pilot
from textual.widgets import Tab, TabbedContent

from tests.snapshot.dashboard_pilot import (
    NARROW,
    app_of,
    dashboard,
    press,
    settled,
    strips,
    text,
    until,
    until_text,
)
from tests.snapshot.replay import Replay, recorded

RUNNING, MADE = recorded()["running"], recorded()["made"]
HOSTILE = "a\x1b[2J\x1b]0;owned\x07 b\x9b31m\x00c\u202edcba\u2028\x7f"

pytestmark = pytest.mark.slow


async def open_tab(pilot: Pilot[None], job_id: str, tab: str) -> None:
    """Open a tab of a job."""
    app_of(pilot).open_job(job_id)
    await settled(pilot)
    pilot.app.screen.query_one(TabbedContent).active = tab
    await settled(pilot)


async def test_the_video_is_fitted_after_a_resize(pilot: Pilot[None]) -> None:
    """In a smaller terminal the picture is decoded again for it, at the same time, and pauses if it paused."""
    await open_tab(pilot, MADE, "video")
    player = pilot.app.screen.query_one(Player)
    await until(pilot, lambda: player.clip is not None)
    if player.playing:
        await press(pilot, "space")
    await press(pilot, "home", "right")
    assert player.clip is not None
    before = player.clip.pictures[0]
    await pilot.resize_terminal(*NARROW)
    await until(pilot, lambda: player.clip and player.clip.pictures[0].height < before.height)
    assert player.clip.pictures[0].height <= 2 * player.size.height
    assert (player.index, player.playing) == (8, False)
    await pilot.resize_terminal(120, 40)
    await until(pilot, lambda: player.clip and player.clip.pictures[0].height == before.height)


async def test_numbers_and_lines_are_fitted_after_a_resize(gateway: Replay, pilot: Pilot[None]) -> None:
    """The numbers of analytics take three lines in a narrow terminal, and lines of the log wrap at the new width."""
    entry = {"sequence": 1, "at": None, "attempt": 1, "level": "info", "message": "word " * 30}
    gateway.answers[f"/api/v1/logs/{MADE}"] = {"entries": [entry], "job_id": MADE}
    await press(pilot, "4")
    await pilot.resize_terminal(*NARROW)
    await settled(pilot)
    assert all(name in text(pilot) for name in ("median", "95% under", "device"))
    await pilot.resize_terminal(120, 40)
    await open_tab(pilot, MADE, "log")
    await pilot.resize_terminal(*NARROW)
    await settled(pilot)
    assert text(pilot).count("word") == 30


async def test_the_problem_of_a_worker_with_jobs_at_servers_is_seen(
    gateway: Replay, pilot: Pilot[None]
) -> None:
    """Its own device is gone, and jobs go on at servers: the panel says both."""
    (worker,) = gateway.answers["/api/v1/workers"]["workers"]
    worker |= {"job_id": None, "problem": "no device", "server_job_ids": [RUNNING]}
    await press(pilot, "ctrl+r")
    await until_text(pilot, f"no device, {RUNNING[:8]} at a")


async def test_texts_of_others_do_not_control_the_terminal(gateway: Replay, pilot: Pilot[None]) -> None:
    """Prompts, names and log lines are drawn without control characters on every page."""
    job = {
        "prompt": HOSTILE,
        "negative_prompt": HOSTILE,
        "actor": HOSTILE,
        "worker": HOSTILE,
        "model": HOSTILE,
    }
    for entry in gateway.answers["/api/v1/jobs?limit=50"]["jobs"]:
        entry |= job
    gateway.answers[f"/api/v1/status/{RUNNING}"] |= job
    for worker in gateway.answers["/api/v1/workers"]["workers"]:
        worker |= {"name": HOSTILE, "device": HOSTILE}
    for entry in gateway.answers["/api/v1/activity?limit=50"]["entries"]:
        entry["actor"] = HOSTILE
    for scene in gateway.answers[f"/api/v1/storyboard/{RUNNING}"]["scenes"]:
        scene["prompt"] = HOSTILE
    line = {"sequence": 9, "at": None, "attempt": 1, "level": "info", "message": HOSTILE}
    gateway.answers[f"/api/v1/logs/{RUNNING}"] = {"entries": [line], "job_id": RUNNING}
    await press(pilot, "ctrl+r")
    seen = [text(pilot)]
    await press(pilot, "2")
    seen.append(text(pilot))
    for tab in ("progress", "scenes", "log"):
        await open_tab(pilot, RUNNING, tab)
        seen.append(text(pilot))
    pilot.app.notify(HOSTILE, title=HOSTILE)
    await settled(pilot)
    seen.append(text(pilot))
    for page in seen:
        assert "a[2J" in page
        assert without_controls(page.replace("\n", "")) == page.replace("\n", "")
    assert {strip.cell_length for strip in strips(pilot)} == {pilot.app.size.width}


@pytest.mark.parametrize(
    ("job_id", "shown", "hidden"),
    [
        (MADE, ("space Play", "o Open", "w Save", "V Verify", "? Help", "q Quit"), ("Cancel", "Retry")),
        (RUNNING, ("c Cancel", "P Priority", "V Verify", "? Help", "q Quit"), ("o Open", "w Save", "Retry")),
    ],
)
async def test_the_bottom_line_has_the_keys_that_do_something(
    gateway: Replay, tmp_path: Path, job_id: str, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    """At 80 columns play, open and save are there for a video, cancel for a running job; help and quit always."""
    async with dashboard(gateway.url, tmp_path, NARROW) as pilot:
        await open_tab(pilot, job_id, "video")
        line = text(pilot).split("\n")[pilot.app.screen.query_one(KeyLine).region.y]
        assert [words for words in shown if words not in line] == []
        assert [words for words in hidden if words in line] == []


async def test_a_message_covers_nothing(gateway: Replay, pilot: Pilot[None]) -> None:
    """A message has a line of its own: every line of the page is where it was, and Textual's toasts are empty."""
    await press(pilot, "2")
    before = text(pilot).split("\n")
    pilot.app.notify("the job has ended", title="Not done", severity="error")
    await settled(pilot)
    changed = [(old, new) for old, new in zip(before, text(pilot).split("\n"), strict=True) if old != new]
    assert changed == [("", " ✖ Not done: the job has ended")]
    assert len(pilot.app._notifications) == 0


async def test_a_line_with_wide_characters_loses_no_letter(gateway: Replay, pilot: Pilot[None]) -> None:
    """Whatever the width of the terminal, each word of a scene's prompt is there."""
    words = "日本語 🎬 " + " ".join(f"w{number}ord" for number in range(20))
    for scene in gateway.answers[f"/api/v1/storyboard/{MADE}"]["scenes"]:
        scene["prompt"] = words
    await open_tab(pilot, MADE, "scenes")
    for width in range(100, 120):
        await pilot.resize_terminal(width, 40)
        await settled(pilot)
        assert all(word in text(pilot) for word in words.split()), text(pilot)


async def test_the_open_tab_is_marked(pilot: Pilot[None]) -> None:
    """Its name has another colour than those of the others, and is bold."""
    await open_tab(pilot, MADE, "log")
    tabs = {str(tab.label): tab.styles for tab in pilot.app.screen.query(Tab)}
    styles = [(style.color, style.text_style) for name, style in tabs.items() if name != "Log"]
    assert len(set(styles)) == 1
    assert tabs["Log"].color != styles[0][0]
    assert tabs["Log"].text_style.bold
