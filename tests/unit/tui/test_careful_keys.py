"""Stories of keys that destroy something: each asks, and enter alone never does it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from kinolog_tui.screens.jobs import JobsPage
from kinolog_tui.session.preferences import Preferences, PreferenceStore
from kinolog_tui.widgets.jobs.job_table import JobTable
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from tests.snapshot.dashboard_pilot import app_of, dashboard, press, settled, text, until
from tests.snapshot.environment import settings_file
from tests.snapshot.replay import Replay, recorded, requests_of

RUNNING, MADE = recorded()["running"], recorded()["made"]

pytestmark = pytest.mark.slow


def actions(gateway: Replay) -> list[str]:
    """Return the actions that were sent, in order."""
    return [body["action"] for body in requests_of(gateway, "POST", "/api/v1/bulk")]


@pytest.mark.parametrize("key", ["c", "X"])
async def test_enter_does_not_confirm(gateway: Replay, pilot: Pilot[None], key: str) -> None:
    """Enter in a confirmation answers no; moved to the other button, or `y`, it answers yes."""
    await press(pilot, "2", key, "enter")
    assert isinstance(pilot.app.screen, JobsPage)
    assert actions(gateway) == []
    await press(pilot, key, "left", "enter")
    await until(pilot, lambda: len(actions(gateway)) == 1)
    await settled(pilot)
    await press(pilot, key, "y")
    await until(pilot, lambda: len(actions(gateway)) == 2)


async def test_many_jobs_are_retried_after_a_question(gateway: Replay, pilot: Pilot[None]) -> None:
    """A single job is retried at once, marked ones after a confirmation that has their number."""
    await press(pilot, "2", "r")
    assert actions(gateway) == ["retry"]
    await press(pilot, "a", "r")
    assert "Retry these" in text(pilot)
    await press(pilot, "enter")
    assert actions(gateway) == ["retry"]
    await press(pilot, "r", "y")
    assert actions(gateway) == ["retry", "retry"]


async def test_marks_that_are_out_of_sight_are_named(gateway: Replay, pilot: Pilot[None]) -> None:
    """The confirmation says how many of the marked jobs are not on the page."""
    await press(pilot, "2", "a")
    marked = len(pilot.app.screen.query_one(JobTable).marked)
    page = gateway.answers["/api/v1/jobs?limit=50"]
    page["jobs"] = page["jobs"][:1]
    await press(pilot, "ctrl+r", "X")
    assert f"{marked - 1} of them are not on this page" in text(pilot)


async def test_enter_keeps_the_priority(gateway: Replay, pilot: Pilot[None]) -> None:
    """The dialog starts at the job's own priority; choosing that sends nothing."""
    await press(pilot, "2", "P")
    options = pilot.app.screen.query_one(OptionList)
    job = deepcopy(gateway.answers["/api/v1/jobs?limit=50"]["jobs"][0])
    assert options.highlighted_option is not None
    assert options.highlighted_option.id == job["priority"]
    await press(pilot, "enter")
    assert actions(gateway) == []
    await press(pilot, "P", "g", "enter")
    assert actions(gateway) == ["reprioritize"]


async def test_settings_are_reset_after_a_question(pilot: Pilot[None]) -> None:
    """ctrl+z and the button ask before the file is deleted, in a field too."""
    app = app_of(pilot)
    await press(pilot, "5", "ctrl+s")
    assert app.store.file.exists()
    pilot.app.screen.query_one("#url").focus()
    await press(pilot, "ctrl+z")
    assert "Reset all settings?" in text(pilot)
    await press(pilot, "enter")
    assert app.store.file.exists()
    await pilot.click("#reset")
    await settled(pilot)
    await press(pilot, "y")
    assert not app.store.file.exists()


async def test_a_file_is_replaced_after_a_question(pilot: Pilot[None], tmp_path: Path) -> None:
    """An existing file is named and replaced by the second enter only; another path needs its own."""
    target, other = tmp_path / "film.mp4", tmp_path / "other.mp4"
    target.write_text("mine")
    other.write_text("mine too")
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "w")
    field = pilot.app.screen.query_one(Input)
    field.value = str(target)
    await press(pilot, "enter")
    assert "film.mp4 exists already" in text(pilot)
    field.value = str(other)
    await press(pilot, "enter")
    assert "other.mp4 exists already" in text(pilot)
    assert (target.read_text(), other.read_text()) == ("mine", "mine too")
    await press(pilot, "enter")
    await until(pilot, lambda: other.read_bytes()[4:8] == b"ftyp")
    assert target.read_text() == "mine"


async def test_an_erased_job_has_not_ended_again(gateway: Replay, pilot: Pilot[None]) -> None:
    """A commit of a job that has ended is no end: no message and no bell."""
    app = app_of(pilot)
    erased = {"status": "completed", "percent": 100.0, "events": ["erased"], "job": None}
    await gateway.send("job_completed", 1, erased, MADE)
    ended = {"status": "completed", "percent": 100.0, "events": ["completed"], "job": None}
    await gateway.send("job_completed", 2, ended, RUNNING)
    await until(pilot, lambda: app.messages.latest)
    assert [message.line for message in app.messages.latest] == [f"{RUNNING[:8]} completed"]


@pytest.mark.parametrize("by", ["settings", "environment"])
async def test_a_read_only_dashboard_sends_no_command(
    gateway: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """It says so in the bar, hides the keys of commands, and refuses them and a submit with the reason."""
    gateway.answers["/api/v1/generate"] = {}
    if by == "settings":
        PreferenceStore(settings_file(tmp_path)).save(Preferences(read_only=True))
    else:
        monkeypatch.setattr("kinolog_tui.session_app.read_only_by_environment", lambda: True)
    async with dashboard(gateway.url, tmp_path) as pilot:
        await press(pilot, "2")
        assert "read only ● live" in text(pilot)
        assert "Cancel" not in text(pilot)
        for key in ("c", "r", "P", "X"):
            await press(pilot, key)
            assert isinstance(pilot.app.screen, JobsPage)
        assert "Not sent: the dashboard is read only" in text(pilot)
        await press(pilot, "3", *"a ball", "ctrl+s")
        assert [path for method, path, _ in gateway.requests if method != "GET"] == []
