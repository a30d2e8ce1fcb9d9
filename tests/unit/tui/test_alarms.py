"""Stories of alarms: troubles of kinolog's own parts."""

from __future__ import annotations

import pytest
from kinolog_tui.widgets.frame import AlarmBanner
from textual.pilot import Pilot

from tests.snapshot.colours import contrasts
from tests.snapshot.dashboard_pilot import app_of, press, settled, strips, text
from tests.snapshot.replay import Replay

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
    gateway.answers["/mcp/alarms"] = {"alarms": [WARNING, FULL]}
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
    gateway.answers["/mcp/alarms"] = {"alarms": []}
    app.request_alarms()
    await settled(pilot)
    assert "stands still" not in text(pilot)


async def test_a_server_without_alarms_shows_none(gateway: Replay, pilot: Pilot[None]) -> None:
    """An older server answers 404: no banner and no message."""
    gateway.problems["/mcp/alarms"] = {"status": 404, "title": "Not Found", "detail": "no such route"}
    app_of(pilot).request_alarms()
    await settled(pilot)
    assert not pilot.app.screen.query_one(AlarmBanner).display
    assert app_of(pilot).messages.latest == []
