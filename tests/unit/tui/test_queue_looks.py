"""How often the dashboard looks at the queue, and what else waits for that: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kinolog_tui.screens import dashboard as page
from kinolog_tui.session.job_orders import WaitingJobs
from kinolog_tui.widgets.jobs.now_panel import NowPanel
from textual.pilot import Pilot

from kinolog_client import AsyncKinologClient, JobInfo
from tests.snapshot.dashboard_pilot import dashboard, pass_time, press, settled, text, until, until_text
from tests.snapshot.replay import Replay, recorded, requests_of

JOBS = recorded()["answers"]["/api/v1/jobs?limit=50"]["jobs"]
QUEUED = next(job for job in JOBS if job["status"] == "queued")
AFTER = int(QUEUED["position"]) + 1
RUNNING = recorded()["running"]
PROGRESS: dict[str, Any] = {"percent": 50.0, "stage": "denoise", "attempt": 1}

pytestmark = pytest.mark.slow


class Looks:
    """Looks at the queue, which a test answers. `answer` is None while they wait."""

    def __init__(self) -> None:
        self.number = 0
        self.answer: WaitingJobs | None = None
        self._answered = asyncio.Event()

    async def look(self, client: AsyncKinologClient, limit: int, *, has_pauses: bool = False) -> WaitingJobs:
        """Wait for the answer."""
        self.number += 1
        await self._answered.wait()
        assert self.answer is not None
        return self.answer

    def hold(self) -> None:
        """Have all later looks wait."""
        self._answered.clear()

    def give(self, lists: int) -> None:
        """Answer this look and all later ones with the recorded job, which `lists` lists have shown."""
        self.answer = WaitingJobs((JobInfo.model_validate(QUEUED),), lists)
        self._answered.set()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Looks that wait for the test, on a page that looks again at once after a short one and never after a long one."""
    made = Looks()
    monkeypatch.setattr(page, "first_waiting_jobs", made.look)
    monkeypatch.setattr(page, "THROTTLE_SECONDS", 0.02)
    monkeypatch.setattr(page, "QUEUE_REST_SECONDS", 1e9)
    return made


@pytest.fixture
async def pilot(looks: Looks, gateway: Replay, tmp_path: Any) -> AsyncIterator[Pilot[None]]:
    """The dashboard, whose first look at the queue took one list."""
    looks.give(lists=1)
    async with dashboard(gateway.url, tmp_path) as steering:
        await until_text(steering, "next dzaxfemj")
        yield steering


async def move(gateway: Replay, pilot: Pilot[None], job_id: str, status: str, position: int) -> None:
    """Send a commit of a job, and wait until the running jobs were read again because of it."""
    before = _reads(gateway)
    await gateway.send(
        "job_status_update", position, PROGRESS | {"status": status, "events": ["stage_ended"]}, job_id
    )
    await until(pilot, lambda: _reads(gateway) > before)
    await until(pilot, lambda: not pilot.app.screen.requesting("running", "activity", "workers"))  # type: ignore[attr-defined]  # a page


def _reads(gateway: Replay) -> int:
    return len(
        [query for query in requests_of(gateway, "GET", "/api/v1/jobs") if query["status"] == "processing"]
    )


async def test_a_slow_look_holds_back_nothing(gateway: Replay, looks: Looks, pilot: Pilot[None]) -> None:
    """While a look at the queue waits, the running jobs are read after each commit, and no second look begins."""
    looks.hold()
    begun = looks.number + 1
    for position in range(AFTER, AFTER + 3):
        await move(gateway, pilot, RUNNING, "processing", position)
    assert looks.number == begun
    looks.give(lists=1)
    await until(pilot, lambda: looks.number == begun + 1)  # for what moved meanwhile


async def test_a_long_look_is_followed_by_a_rest(gateway: Replay, looks: Looks, pilot: Pilot[None]) -> None:
    """After a look with many lists no other one follows a commit; a person who loads again gets one."""
    looks.give(lists=3)
    await move(gateway, pilot, RUNNING, "processing", AFTER)
    await settled(pilot)
    begun = looks.number
    for position in range(AFTER + 1, AFTER + 4):
        await move(gateway, pilot, RUNNING, "processing", position)
    assert looks.number == begun
    await press(pilot, "ctrl+r")
    assert looks.number == begun + 1


async def test_a_rest_ends(gateway: Replay, looks: Looks, pilot: Pilot[None]) -> None:
    """What moved during the rest is looked at after it."""
    looks.give(lists=3)
    begun = looks.number
    for position in (AFTER, AFTER + 1):
        await move(gateway, pilot, RUNNING, "processing", position)
        await settled(pilot)
    assert looks.number == begun + 1
    pass_time(page.QUEUE_REST_SECONDS)
    await until(pilot, lambda: looks.number == begun + 2)


async def test_a_job_that_started_does_not_wait(gateway: Replay, looks: Looks, pilot: Pilot[None]) -> None:
    """It leaves the waiting jobs when the running ones are read, also if a look answers late that it waits."""
    looks.hold()
    await move(gateway, pilot, QUEUED["job_id"], "completed", AFTER)
    await until(pilot, lambda: "next dzaxfemj" not in text(pilot))
    looks.give(lists=1)
    await until(pilot, lambda: not pilot.app.screen.requesting("queue"))  # type: ignore[attr-defined]  # a page
    await pilot.pause()
    assert "next dzaxfemj" not in text(pilot)
    later = QUEUED | {"position": AFTER + 1}
    looks.answer = WaitingJobs((JobInfo.model_validate(later),), 1)
    await move(gateway, pilot, QUEUED["job_id"], "queued", AFTER + 1)  # it was retried
    await until_text(pilot, "next dzaxfemj")
    assert pilot.app.screen.query_one(NowPanel).running_ids == (RUNNING,)
