"""Stories of key presses against a gateway on a real port with recorded responses."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.screens.jobs import JobsPage
from kinolog_tui.widgets.frame import LinkBanner, TopBar
from kinolog_tui.widgets.jobs.cards import StatusChips
from kinolog_tui.widgets.jobs.job_table import JobTable
from kinolog_tui.widgets.key_line import KeyLine
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input, TextArea

from tests.snapshot.dashboard_pilot import app_of, dashboard, linked, press, settled, text, until, until_text
from tests.snapshot.replay import Replay, recorded, requests_of

RUNNING, MADE = recorded()["running"], recorded()["made"]
JOBS = len(recorded()["answers"]["/api/v1/jobs?limit=50"]["jobs"])

pytestmark = pytest.mark.slow


async def test_filter_search_sort_and_span(gateway: Replay, pilot: Pilot[None]) -> None:
    """Keys of the list become the query of the request, and esc removes the filter."""
    await press(pilot, "2", "slash", *"red", "enter", "t", "s", "S")
    query = requests_of(gateway, "GET", "/api/v1/jobs")[-1]
    assert query == {
        "text": "red",
        "date_range": "today",
        "utc_offset": "+00:00",
        "sort": "updated_at",
        "order": "asc",
        "limit": "50",
    }
    await press(pilot, "f", "space", "ctrl+s")
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["status"] == "queued"
    await press(pilot, "escape", "minus")
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1] == {
        "sort": "updated_at",
        "order": "asc",
        "limit": "25",
    }


async def test_days_of_a_filter_are_checked_while_they_are_typed(gateway: Replay, pilot: Pilot[None]) -> None:
    """An invalid date is reported and keeps the dialog open; two valid ones filter the list."""
    await press(pilot, "2", "f")
    dialog = pilot.app.screen
    since, until = dialog.query_one("#from", Input), dialog.query_one("#to", Input)
    since.value = "2026-11-3x"
    await press(pilot, "ctrl+s")
    assert pilot.app.screen is dialog
    assert "from must be like 2026-11-22" in text(pilot)
    since.value, until.value = "2026-11-20", "2026-11-19"
    await settled(pilot)
    assert "to must not be before from" in text(pilot)
    until.value = "2026-11-21"
    await press(pilot, "ctrl+s")
    query = requests_of(gateway, "GET", "/api/v1/jobs")[-1]
    assert (query["from"], query["to"]) == ("2026-11-20T00:00:00+00:00", "2026-11-22T00:00:00+00:00")
    assert "date_range" not in query
    assert "from 2026-11-20 to 2026-11-21" in text(pilot)
    await press(pilot, "t")
    assert "from" not in requests_of(gateway, "GET", "/api/v1/jobs")[-1]


async def test_a_page_that_fails_to_load_is_not_shown(gateway: Replay, pilot: Pilot[None]) -> None:
    """If the next page fails, the list stays; another try goes there, and back returns."""
    gateway.answers["/api/v1/jobs?limit=50"]["next_cursor"] = "abc"
    await press(pilot, "2")
    gateway.problems["/api/v1/jobs"] = {"status": 500, "detail": "broken"}
    await press(pilot, "n")
    assert f"1–{JOBS} of {JOBS}" in text(pilot)
    del gateway.problems["/api/v1/jobs"]
    await press(pilot, "n")
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["cursor"] == "abc"
    assert f"51–{50 + JOBS} of {JOBS}" in text(pilot)
    await press(pilot, "p")
    assert f"1–{JOBS} of {JOBS}" in text(pilot)
    assert pilot.app.screen.query_one(JobTable).cursor_row == JOBS - 1


async def test_marked_jobs_are_cancelled_together(gateway: Replay, pilot: Pilot[None]) -> None:
    """Two marked jobs are cancelled by one request after a confirmation; no sends nothing."""
    await press(pilot, "2", "space", "space", "c")
    assert "Cancel these 2 jobs?" in text(pilot)
    await press(pilot, "n")
    assert requests_of(gateway, "POST", "/api/v1/bulk") == []
    await press(pilot, "c", "y")
    table = pilot.app.screen.query_one(JobTable)
    first = [job.job_id for job in table.jobs[:2]]
    assert requests_of(gateway, "POST", "/api/v1/bulk") == [{"action": "cancel", "job_ids": sorted(first)}]
    assert table.marked == set()
    await press(pilot, "g", "P", "up", "enter")
    assert requests_of(gateway, "POST", "/api/v1/bulk")[-1]["action"] == "reprioritize"
    await press(pilot, "r")
    assert requests_of(gateway, "POST", "/api/v1/bulk")[-1] == {"action": "retry", "job_ids": [first[0]]}


async def test_jobs_are_paused_and_resumed(gateway: Replay, pilot: Pilot[None]) -> None:
    """The same key resumes those that are paused, and says why one is not."""
    first, second = gateway.answers["/api/v1/jobs?limit=50"]["jobs"][:2]
    first["paused_at"] = first["created_at"]
    await press(pilot, "2")
    for key, action, job in (("g", "resume", first), ("j", "pause", second)):
        gateway.refusals = [f"{action} is refused"]
        await press(pilot, key, "z")
        asked = requests_of(gateway, "POST", "/api/v1/bulk")[-1]
        assert asked == {"action": action, "job_ids": [job["job_id"]]}
        assert f"{action} is refused" in app_of(pilot).messages.latest[-1].text


async def test_a_row_moves_while_the_job_does(gateway: Replay, pilot: Pilot[None]) -> None:
    """Progress of the feed is in the row at once, without another request. An older page does not revert it."""
    await press(pilot, "2")
    before = len(requests_of(gateway, "GET", "/api/v1/jobs"))
    progress = {"status": "processing", "percent": 77.0, "stage": "decode", "attempt": 1}
    moved = progress | {"events": [], "job": None}
    await gateway.send("job_status_update", 1, moved, RUNNING)
    await until_text(pilot, "77%")
    assert "decode" in text(pilot)
    assert len(requests_of(gateway, "GET", "/api/v1/jobs")) == before
    await press(pilot, "ctrl+r")
    await gateway.until(lambda: len(requests_of(gateway, "GET", "/api/v1/jobs")) > before)
    await settled(pilot)
    assert "77%" in text(pilot)


async def test_the_gateway_goes_and_comes_back(gateway: Replay, pilot: Pilot[None]) -> None:
    """During an outage a banner is shown and keys work; after it the feed resumes and the page loads again."""
    await press(pilot, "2")
    await gateway.send("queue_updated", 500, recorded()["answers"]["/api/v1/jobs?limit=50"]["summary"])
    await until(pilot, lambda: app_of(pilot).feed.position >= 500)
    await gateway.stop()
    await linked(pilot, "offline")
    await until_text(pilot, "The server is away")
    await pilot.press("j", "3", "escape", "2")
    assert isinstance(pilot.app.screen, JobsPage)
    gateway.received.clear()
    reads = len(requests_of(gateway, "GET", "/api/v1/jobs"))
    await gateway.start(gateway.port)
    await linked(pilot, "live")
    await gateway.until(lambda: len(gateway.received) >= 2)
    assert [message["after"] for message in gateway.received[:2]] == [500, 500]
    await gateway.until(lambda: len(requests_of(gateway, "GET", "/api/v1/jobs")) > reads)
    await settled(pilot)
    assert not pilot.app.screen.query_one(LinkBanner).display


async def test_write_submit_and_watch(gateway: Replay, pilot: Pilot[None]) -> None:
    """A prompt is checked while it is typed and sent once; then the page of its job opens."""
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    answer = {"job_id": RUNNING, "status": "queued", "position": 7, "job": job}
    gateway.answers["/api/v1/generate"] = answer
    await press(pilot, "3", "ctrl+s")
    assert requests_of(gateway, "POST", "/api/v1/generate") == []
    await press(pilot, *"a ball")
    pilot.app.screen.query_one("#steps", Input).value = "4000"
    await settled(pilot)
    assert "must be 1 to 100" in text(pilot)
    pilot.app.screen.query_one("#steps", Input).value = "10"
    await settled(pilot)
    assert "a ball" in text(pilot)
    await press(pilot, "ctrl+s")
    sent = requests_of(gateway, "POST", "/api/v1/generate")
    assert len(sent) == 1
    assert sent[0].pop("request_id")
    assert sent[0] == {"prompt": "a ball", "model": "kinolog-tiny", "priority": "medium", "steps": 10}
    assert isinstance(pilot.app.screen, JobPage)
    assert pilot.app.screen.job_id == RUNNING
    await press(pilot, "escape")
    assert pilot.app.screen.query_one("#prompt", TextArea).text == ""


async def test_errors_are_shown_with_the_next_step(gateway: Replay, tmp_path: Path) -> None:
    """A refusal is a message with the cause and the next step, and the page stays."""
    problem = {"status": 409, "detail": "the job has ended", "title": "Conflict"}
    async with dashboard(gateway.url, tmp_path) as pilot:
        gateway.problems["/api/v1/bulk"] = problem
        await press(pilot, "2", "r")
        message = app_of(pilot).messages.latest[-1]
        assert "the job has ended" in message.text
        assert "ctrl+r" in message.text
        assert isinstance(pilot.app.screen, JobsPage)


async def test_charts_change_their_span_and_are_exported(
    gateway: Replay, pilot: Pilot[None], tmp_path: Path
) -> None:
    """t requests the next date range, + finer columns; z enlarges a chart, and x writes all numbers as CSV."""
    await press(pilot, "4", "plus")
    assert requests_of(gateway, "GET", "/api/v1/analytics/trends")[-1] == {
        "date_range": "last_7_days",
        "bucket_seconds": "900",
    }
    await press(pilot, "z")
    assert pilot.app.screen.maximized is not None
    await press(pilot, "z", "x")
    field = pilot.app.screen.query_one(Input)
    field.value = str(tmp_path / "numbers.csv")
    await press(pilot, "enter")
    with (tmp_path / "numbers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {"overview", "trends", "queue-depth", "success", "stages", "models", "workers"} == {
        row["chart"] for row in rows
    }
    await press(pilot, "t")
    assert requests_of(gateway, "GET", "/api/v1/analytics/overview")[-1] == {"date_range": "last_30_days"}


async def test_settings_are_saved_and_reset(pilot: Pilot[None]) -> None:
    """ctrl+s saves the preferences; reset deletes them."""
    app = app_of(pilot)
    await press(pilot, "5")
    pilot.app.screen.query_one("#bell").value = True  # type: ignore[attr-defined]  # a check box
    pilot.app.screen.query_one("#theme").value = "nord"  # type: ignore[attr-defined]  # a select
    await press(pilot, "ctrl+s")
    saved = app.store.load()
    assert (saved.bell, saved.theme, app.theme) == (True, "nord", "nord")
    assert saved.url == ""
    await press(pilot, "ctrl+z", "y")
    assert not app.store.file.exists()
    assert app.theme == "textual-dark"


async def test_a_server_that_is_no_address_is_reported(gateway: Replay, pilot: Pilot[None]) -> None:
    """The cause is shown, the dashboard stays with the server of the command line, and the form can be corrected."""
    app = app_of(pilot)
    await press(pilot, "5")
    pilot.app.screen.query_one("#url").value = "nonsense"  # type: ignore[attr-defined]  # an input
    await press(pilot, "ctrl+s")
    assert any("not the address of a gateway" in message.text for message in app.messages.latest)
    assert app.client.url == gateway.url
    pilot.app.screen.query_one("#url").value = f"{gateway.url}/"  # type: ignore[attr-defined]  # an input
    await press(pilot, "ctrl+s")
    assert (app.client.url, app.store.load().url) == (gateway.url, f"{gateway.url}/")


async def test_settings_that_cannot_be_written_are_reported(pilot: Pilot[None]) -> None:
    """If the settings file cannot be written, a message has the cause and the dashboard goes on."""
    app = app_of(pilot)
    app.store.file.parent.parent.write_text("a file where the folder should be")
    await press(pilot, "5", "ctrl+s")
    message = app.messages.latest[-1]
    assert (message.title, message.severity) == ("Not done", "error")
    assert "cannot be written" in message.text


async def test_the_palette_finds_pages_and_jobs(pilot: Pilot[None]) -> None:
    """The palette goes to a typed page or job."""
    await press(pilot, "ctrl+p", *"failed jobs")
    assert "Show failed jobs" in text(pilot)
    await press(pilot, "enter")
    assert isinstance(pilot.app.screen, JobsPage)
    assert pilot.app.screen.job_filter.statuses == ("failed",)
    await press(pilot, "ctrl+p", *MADE)
    assert f"Open job {MADE}" in text(pilot)
    await press(pilot, "enter")
    assert isinstance(pilot.app.screen, JobPage)
    assert pilot.app.screen.job_id == MADE


async def test_the_theme_that_is_seen_is_the_one_in_settings(pilot: Pilot[None]) -> None:
    """Settings shows a theme that was chosen elsewhere, and saving does not restore the old one."""
    await press(pilot, "5", "1", "ctrl+t", "5")
    assert pilot.app.screen.query_one("#theme").value == "textual-light"  # type: ignore[attr-defined]  # a select
    await press(pilot, "ctrl+s")
    assert (pilot.app.theme, app_of(pilot).store.load().theme) == ("textual-light", "textual-light")


async def test_the_mouse_does_what_keys_do(gateway: Replay, pilot: Pilot[None]) -> None:
    """Clicks on a page's name, a row, the row again, a key of the bottom line and a chip do what their keys do."""

    async def click(where: type[Widget], words: str) -> None:
        widget = pilot.app.screen.query_one(where)
        lines = text(pilot).split("\n")[widget.region.y : widget.region.bottom]
        row = next(number for number, line in enumerate(lines) if words in line)
        await pilot.click(where, offset=(lines[row].index(words) - widget.region.x, row))
        await settled(pilot)

    await click(TopBar, "Jobs")
    assert isinstance(pilot.app.screen, JobsPage)
    await click(JobTable, "processing")
    assert pilot.app.screen.query_one(JobTable).cursor_row == 1
    await click(JobTable, "processing")
    assert isinstance(pilot.app.screen, JobPage)
    assert pilot.app.screen.job_id == RUNNING
    await click(KeyLine, "Back")
    assert isinstance(pilot.app.screen, JobsPage)
    await click(StatusChips, "completed")
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["status"] == "completed"


async def test_an_ended_job_is_announced_as_configured(gateway: Replay, pilot: Pilot[None]) -> None:
    """An ended job is a message by default; the preferences add the bell and remove the message."""
    bells: list[bool] = []
    app = app_of(pilot)
    app.bell = lambda: bells.append(True)  # type: ignore[method-assign]
    ended = {"status": "failed", "percent": 40.0, "events": ["failed"], "job": None}
    await gateway.send("job_failed", 1, ended, RUNNING)
    await until(pilot, lambda: len(app.messages.latest) == 1)
    assert app.messages.latest[0].severity == "error"
    assert bells == []
    app.apply_preferences(replace(app.preferences, bell=True, toasts=False))
    await gateway.send("job_failed", 2, ended, RUNNING)
    await until(pilot, lambda: bells)
    assert len(app.messages.latest) == 1
