"""Stories of alarms: troubles of kinolog's own parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_tui.widgets.alarm_banner import AlarmBanner
from textual.pilot import Pilot

from tests.snapshot.colours import contrasts
from tests.snapshot.dashboard_pilot import NARROW, app_of, dashboard, press, settled, strips, text
from tests.snapshot.replay import Replay, requests_of

FULL = {
    "name": "storage-full",
    "severity": "refuse_writes",
    "text": "The disk of /data has 12 MB left; make room.",
    "source": "api",
    "since": "2026-11-22T19:40:00Z",
}
WARNING = FULL | {
    "severity": "warning",
    "text": "The projector stands still.",
    "source": "projector",
    "details": "Job 7 waits.",
}

pytestmark = pytest.mark.slow


async def test_alarms_stand_on_every_page_until_they_are_cleared(gateway: Replay, pilot: Pilot[None]) -> None:
    """The text of each alarm is there with its source, on every page, in colours that can be read."""
    app = app_of(pilot)
    banner = pilot.app.screen.query_one(AlarmBanner)
    assert not banner.display
    gateway.answers["/api/v1/alarms"] = {"alarms": [WARNING, FULL]}
    app.request_alarms()
    await settled(pilot)
    for key in ("1", "2", "4"):
        await press(pilot, key)
        for theme in ("textual-light", "textual-dark"):
            app.theme = theme
            await settled(pilot)
            assert "✖ New jobs are refused: The disk of /data has 12 MB left; make room. (api)" in text(pilot)
            assert "! The projector stands still. – Job 7 waits. (projector)" in text(pilot)
            assert contrasts(strips(pilot)) == []
    gateway.answers["/api/v1/alarms"] = {"alarms": []}
    app.request_alarms()
    await settled(pilot)
    assert "stands still" not in text(pilot)


async def test_a_server_without_alarms_shows_none(gateway: Replay, pilot: Pilot[None]) -> None:
    """An older server answers 404: no banner and no message."""
    gateway.problems["/api/v1/alarms"] = {"status": 404, "title": "Not Found", "detail": "no such route"}
    app_of(pilot).request_alarms()
    await settled(pilot)
    assert not pilot.app.screen.query_one(AlarmBanner).display
    assert app_of(pilot).messages.latest == []


async def test_a_request_at_the_end_is_over_before_its_connections_are_closed(
    gateway: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection would stay open else. After the end none is made any more, whichever timer runs."""
    unfinished: list[list[str]] = []
    async with dashboard(gateway.url, tmp_path) as pilot:
        app = app_of(pilot)
        close = app.client.close

        async def look_and_close() -> None:
            unfinished.append([worker.group for worker in app.workers if not worker.is_finished])
            app.request_alarms()
            unfinished.append([worker.group for worker in app.workers if not worker.is_finished])
            await close()

        monkeypatch.setattr(app.client, "close", look_and_close)
        answer = gateway.hold("/api/v1/alarms")
        app.request_alarms()
        await gateway.until(lambda: requests_of(gateway, "GET", "/api/v1/alarms")[1:])
    answer.set()
    assert unfinished == [[], []]


async def test_an_operator_on_a_small_screen_sees_every_source(gateway: Replay, tmp_path: Path) -> None:
    """The alarms of two processes of a source are one. Long details leave room for the next source and the number."""
    long = "The log differs from its archive at position 7. " * 12
    damage = FULL | {"name": "log-damaged", "text": "No command is carried out.", "source": "projector"}
    waiting = WARNING | {"name": "waits", "text": "Job … waits for its key.", "source": "api"}
    lost = "Job kkkkkkkkkkkkkkkkkkkkkkkkkk waits for its key."
    one_each = [
        damage | {"details": long},
        waiting | {"details": f"{lost} {long}"},
        WARNING | {"name": "late", "source": "gateway", "details": ""},
    ]
    gateway.answers["/api/v1/alarms"] = {
        "alarms": [alarm | {"instance": name} for alarm in one_each for name in ("one", "two")]
    }
    async with dashboard(gateway.url, tmp_path, NARROW) as pilot:
        app_of(pilot).request_alarms()
        await settled(pilot)
        shown = text(pilot)
        banner = pilot.app.screen.query_one(AlarmBanner)
        assert banner.size.height == 6
        top = banner.region.y
        lines = [line.rstrip() for line in shown.splitlines()[top : top + 6]]
    assert lines[0].startswith(" ✖ New jobs are refused: No command is carried out. – The log differs")
    assert lines[2].endswith("… (projector)")
    assert lines[3].startswith(f" ! {lost} The log")
    assert lines[4].endswith("… (api)")
    assert lines[5] == " and 1 more: `kinolog doctor` lists them"


async def test_processes_that_report_different_details_show_both(gateway: Replay, pilot: Pilot[None]) -> None:
    """The text is there once, followed by what each process adds."""
    gateway.answers["/api/v1/alarms"] = {
        "alarms": [WARNING | {"details": details} for details in ("Job 7 waits.", "Job 8 waits.")]
    }
    app_of(pilot).request_alarms()
    await settled(pilot)
    assert "! The projector stands still. – Job 7 waits. – Job 8 waits. (projector)" in text(pilot)
