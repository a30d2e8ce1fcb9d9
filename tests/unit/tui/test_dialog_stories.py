"""Stories of dialogs: each says which jobs it is about, and the bottom line has its keys alone."""

from __future__ import annotations

import pytest
from kinolog_tui.session.job_list_filter import JobListFilter
from kinolog_tui.widgets.key_line import KeyLine
from textual.pilot import Pilot

from tests.snapshot.dashboard_pilot import app_of, press, settled, text
from tests.snapshot.replay import Replay, recorded

MADE = recorded()["made"]

pytestmark = pytest.mark.slow


def line(pilot: Pilot[None]) -> str:
    """Return the bottom line of what is on the screen."""
    return text(pilot).split("\n")[pilot.app.screen.query_one(KeyLine).region.y]


@pytest.mark.parametrize("key", ["c", "X", "P"])
async def test_a_question_about_one_job_names_it(gateway: Replay, pilot: Pilot[None], key: str) -> None:
    """It has the short id and the start of the prompt, which is no markup, on the list and on the job's page."""
    listed = gateway.answers["/api/v1/jobs?limit=50"]["jobs"][0]
    listed["prompt"] = "[b]A red circle[/b] moves right on a blue background. Then a green square turns."
    words = f"{listed['job_id'][:8]}  [b]A red circle[/b] moves right on a blue bac…"
    await press(pilot, "2", key)
    assert words in text(pilot)
    await press(pilot, "escape")
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    prompt = gateway.answers[f"/api/v1/status/{MADE}"]["prompt"]
    if key == "X":  # a completed job has no other question
        await press(pilot, key)
        assert f"{MADE[:8]}  {prompt[:40]}" in text(pilot)


async def test_a_question_about_several_jobs_has_their_number_and_the_filter(
    gateway: Replay, pilot: Pilot[None]
) -> None:
    """What the list is filtered by is there, and how many are not on the page."""
    await press(pilot, "2", "a")
    number = len(gateway.answers["/api/v1/jobs?limit=50"]["jobs"])
    for key, verb in (("c", "Cancel"), ("r", "Retry"), ("X", "Erase")):
        await press(pilot, key)
        assert f"{verb} these {number} jobs?" in text(pilot)
        assert "The list is not filtered." in text(pilot)
        await press(pilot, "escape")
    await press(pilot, "P")
    assert f"Priority of {number} jobs" in text(pilot)
    await press(pilot, "escape", "escape", "slash", *"blue", "enter", "a", "X")
    assert "The list is filtered by “blue”." in text(pilot)


async def test_a_mark_that_is_out_of_sight_is_named_by_its_id(gateway: Replay, pilot: Pilot[None]) -> None:
    """The job under the cursor is another one, and its prompt is not shown for it."""
    await press(pilot, "2", "space")
    jobs = gateway.answers["/api/v1/jobs?limit=50"]["jobs"]
    marked = jobs.pop(0)
    await press(pilot, "ctrl+r", "X")
    assert f"{marked['job_id'][:8]}  not on this page" in text(pilot)


def test_a_filter_in_words() -> None:
    """Each part that narrows the list has its word."""
    assert JobListFilter().words == ()
    some = JobListFilter(
        statuses=("failed",), priorities=("high",), date_range="today", model="m", text="ball"
    )
    assert some.words == ("failed", "high", "today", "m", "“ball”")
    assert JobListFilter(since="2026-11-22").words == ("from 2026-11-22",)
    assert JobListFilter(variant_of="ab12cd34ef56").words == ("variants of ab12cd34",)


async def test_the_bottom_line_has_the_keys_of_the_dialog_alone(pilot: Pilot[None]) -> None:
    """The keys of the page do nothing while a dialog is open, and are back after it."""
    await press(pilot, "2")
    page = line(pilot)
    assert "f Filter" in page
    for key, keys in (
        ("c", "y Yes  n No"),
        ("P", "esc Close  j Down  k Up"),
        ("f", "esc Close  ^s Apply"),
        ("question_mark", "esc Close"),
    ):
        await press(pilot, key)
        assert line(pilot).split("  ") == f" {keys}".split("  ")
        await press(pilot, "escape")
        assert line(pilot) == page
    await press(pilot, "ctrl+p")
    assert "Filter" not in text(pilot).split("\n")[-2]
    await press(pilot, "escape")
    assert line(pilot) == page


async def test_while_a_key_is_captured_no_key_is_offered(pilot: Pilot[None]) -> None:
    """Any key would be the new one."""
    await press(pilot, "5", "K")
    assert "Give back" in line(pilot)
    await press(pilot, "enter")
    assert line(pilot).strip() == ""
    await press(pilot, "escape")
    assert "Give back" in line(pilot)
