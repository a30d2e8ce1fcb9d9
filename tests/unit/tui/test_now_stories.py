"""Stories of the panel that shows what runs and what waits."""

from __future__ import annotations

from typing import Any

import pytest
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.widgets.jobs.now_panel import NowPanel
from textual.pilot import Pilot

from tests.snapshot.dashboard_pilot import press, settled, text, until, until_text
from tests.snapshot.replay import Replay, recorded, requests_of
from tests.unit.tui.test_job_stories import still

RUNNING = recorded()["running"]
LIST = "/api/v1/jobs?limit=50"
STEP: dict[str, Any] = {
    "status": "processing",
    "percent": 61.0,
    "stage": "denoise",
    "attempt": 1,
    "events": [],
}

pytestmark = pytest.mark.slow


def lines(pilot: Pilot[None]) -> list[str]:
    """Return the lines of the panel."""
    region = pilot.app.screen.query_one(NowPanel).region
    return text(pilot).split("\n")[region.y : region.bottom]


async def test_running_jobs_move_and_waiting_ones_have_their_places(
    gateway: Replay, pilot: Pilot[None]
) -> None:
    """Step, percentage and remaining time follow the feed; the queue is in the order of its places."""
    assert "◐ buu26r4v" in lines(pilot)[1]
    assert " 17%  about 2.5 s left" in lines(pilot)[3]
    assert "next dzaxfemj" in lines(pilot)[4]
    step = STEP | {"scene": 1, "scenes": 2, "step": 12, "steps": 40, "eta_seconds": 65}
    await gateway.send("job_status_update", 1, step, RUNNING)
    await until_text(pilot, "step 12 of 40")
    assert " 61%  about 1:05 left" in lines(pilot)[3]
    page = gateway.answers[LIST]
    first, second = (dict(page["jobs"][0]) for _ in range(2))
    page["jobs"] = [first | {"queue_position": 1}, second | {"job_id": "a" * 26, "queue_position": 0}]
    await press(pilot, "ctrl+r")
    assert "next aaaaaaaa" in lines(pilot)[1]
    assert "#2   dzaxfemj" in lines(pilot)[2]
    page["jobs"] = [first | {"queue_position": 0}, second | {"job_id": "a" * 26, "queue_position": 0}]
    await press(pilot, "ctrl+r")  # two models: each job is the next one of its own
    assert ["next " in line for line in lines(pilot)[1:4]] == [True, True, False]


async def test_the_first_places_of_a_long_queue_are_shown(gateway: Replay, pilot: Pilot[None]) -> None:
    """Of more waiting jobs than are shown, those that start first are; a short queue takes one request."""
    page = gateway.answers[LIST]
    job = next(job for job in page["jobs"] if job["status"] == "queued")
    assert not any("priority" in query for query in requests_of(gateway, "GET", "/api/v1/jobs"))
    page["jobs"] = [
        job
        | {"job_id": f"{place:026}", "queue_position": place, "created_at": f"2026-11-22T10:{place:02}:00Z"}
        for place in reversed(range(50))
    ]
    gateway.pages = True
    await press(pilot, "ctrl+r")
    places = [line[4:8] for line in lines(pilot)[1:-1]]
    assert places == ["next", *(f"#{place + 1:<3}" for place in range(1, len(places)))]


async def test_a_picture_of_the_work_is_beside_its_job(gateway: Replay, pilot: Pilot[None]) -> None:
    """Previews of running jobs are subscribed to while the page is shown; the newest one is drawn."""
    channel = f"job:{RUNNING}"
    await gateway.until(lambda: {"type": "subscribe", "channel": channel} in gateway.received)
    image = {"attempt": 1, "scene": 0, "step": 4, "media_type": "image/jpeg", "image": still((200, 0, 0))}
    await gateway.send("job_preview", 4, image, RUNNING)
    await until(pilot, lambda: "▀" in lines(pilot)[1])
    assert all("▀" in line for line in lines(pilot)[1:4])
    await press(pilot, "2")
    await gateway.until(lambda: {"type": "unsubscribe", "channel": channel} in gateway.received)


async def test_a_line_opens_its_job(pilot: Pilot[None]) -> None:
    """The panel has the keys; enter opens the job of the line, and tab goes on to the activity."""
    await press(pilot, "g", "enter")
    assert isinstance(pilot.app.screen, JobPage)
    assert pilot.app.screen.job_id == RUNNING
    await press(pilot, "escape", "tab")
    assert pilot.app.focused is pilot.app.screen.query_one("ActivityFeed")


async def test_nothing_runs(gateway: Replay, pilot: Pilot[None]) -> None:
    """Without running and waiting jobs the panel names the key that makes a video."""
    gateway.answers[LIST]["jobs"] = []
    await press(pilot, "ctrl+r")
    await settled(pilot)
    assert "nothing runs and nothing waits: 3 makes a video" in lines(pilot)[1]
