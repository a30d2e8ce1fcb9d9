"""Stories of verifying a job's record in its history."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.screens.jobs import JobsPage
from kinolog_tui.widgets.job.history import HistoryPanel
from textual.pilot import Pilot
from textual.widgets import TabbedContent

from tests.snapshot.dashboard_pilot import NARROW, app_of, dashboard, press, settled, text, until, until_text
from tests.snapshot.replay import Replay, recorded, requests_of

MADE = recorded()["made"]
PROOF = f"/api/v1/audit/{MADE}"
HASHES = [commit["hash"] for commit in recorded()["answers"][f"/api/v1/events/{MADE}"]["commits"]]
NAMES = ["hashes", "chain", "fold", "endings", "archive", "seals", "artifacts"]

pytestmark = pytest.mark.slow


async def history_of(pilot: Pilot[None], job_id: str) -> HistoryPanel:
    """Open the history of a job."""
    await press(pilot, "2")
    app_of(pilot).open_job(job_id)
    await settled(pilot)
    pilot.app.screen.query_one(TabbedContent).active = "history"
    await settled(pilot)
    return pilot.app.screen.query_one(HistoryPanel)


async def test_a_record_is_proved(gateway: Replay, pilot: Pilot[None]) -> None:
    """v sends one request and shows every check with its finding; esc closes the result, then the page."""
    await history_of(pilot, MADE)
    assert "the record" not in text(pilot)
    await press(pilot, "v")
    assert len(requests_of(gateway, "GET", PROOF)) == 1
    shown = text(pilot)
    assert "complete and untouched, checked at 19:46:00" in shown
    for check in recorded()["answers"][PROOF]["checks"]:
        assert f"✔ {check['name']:<9} {check['detail']}" in shown
    await press(pilot, "escape")
    assert isinstance(pilot.app.screen, JobPage)
    assert "the record" not in text(pilot)
    await press(pilot, "escape")
    assert isinstance(pilot.app.screen, JobsPage)


async def test_the_hash_goes_along_with_the_slider(gateway: Replay, pilot: Pilot[None]) -> None:
    """The hash of the selected commit is beside the state, complete if it fits. The bar of the head fits too."""
    await history_of(pilot, MADE)

    def seen() -> str:
        """Return the right half of the screen without its frame."""
        return "".join("".join(line[72:].split()) for line in text(pilot).splitlines()).replace("│", "")

    assert HASHES[-1] in seen()
    await press(pilot, "g")
    assert HASHES[0] in seen()
    assert f" {'█' * 29} 100%" in text(pilot)
    await pilot.resize_terminal(*NARROW)
    await settled(pilot)
    assert f" {'█' * 19} 100%" in text(pilot)
    assert f"hash {HASHES[0][:12]}…" in " ".join(text(pilot).split())
    assert HASHES[0][:13] not in text(pilot)


async def test_keys_work_while_a_record_is_checked(gateway: Replay, pilot: Pilot[None]) -> None:
    """While the check runs, its panel shows it and the slider moves; a result after esc opens nothing."""
    history = await history_of(pilot, MADE)
    gateway.held[PROOF] = asyncio.Event()
    await pilot.press("v")
    await until_text(pilot, "checking the record and every file …")
    await pilot.press("g")
    await until(pilot, lambda: history.at == 0)
    gateway.held[PROOF].set()
    await until_text(pilot, "complete and untouched")
    gateway.held[PROOF].clear()
    await pilot.press("v")
    await until_text(pilot, "checking the record")
    await pilot.press("escape")
    gateway.held[PROOF].set()
    await settled(pilot)
    assert "complete and untouched" not in text(pilot)


async def test_a_record_that_does_not_hold(gateway: Replay, pilot: Pilot[None]) -> None:
    """A failed check is marked, named in the first line, and names the file."""
    detail = "video sha256/ab/cd.mp4 was changed: 1000 bytes instead of 2000"
    proof = gateway.answers[PROOF]
    proof["valid"] = False
    proof["checks"][-1] |= {"holds": False, "detail": detail}
    await history_of(pilot, MADE)
    await press(pilot, "v")
    assert "does not hold: artifacts, checked at" in text(pilot)
    assert f"✖ artifacts {detail}" in text(pilot)
    assert text(pilot).count("✔") == len(NAMES) - 1


async def test_a_proof_that_fails(gateway: Replay, pilot: Pilot[None]) -> None:
    """A server without the route is called too old; other failures show their text. Neither is a message."""
    await history_of(pilot, MADE)
    before = gateway.answers.pop(PROOF)
    await press(pilot, "v")
    assert "is too old to check records. Upgrade it" in text(pilot)
    gateway.answers[PROOF] = before
    gateway.problems[PROOF] = {"status": 503, "detail": "the database is away", "reason": "UNAVAILABLE"}
    await press(pilot, "v")
    assert "Not checked: the database is away" in text(pilot)
    gateway.problems[PROOF] = {"status": 404, "detail": "there is no such job", "reason": "JOB_NOT_FOUND"}
    await press(pilot, "v")
    assert "Not checked: there is no such job" in text(pilot)
    assert app_of(pilot).messages.latest == []


async def test_from_any_tab_and_from_the_palette(gateway: Replay, pilot: Pilot[None]) -> None:
    """V, and Verify in the palette, verify the record from another tab and show the result in the history."""
    await press(pilot, "2")
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "V")
    assert pilot.app.screen.query_one(TabbedContent).active == "history"
    assert "complete and untouched" in text(pilot)
    await press(pilot, "left_square_bracket")
    await press(pilot, "ctrl+p", *"verify")
    assert "Verify: verify" in text(pilot)
    await press(pilot, "enter")
    assert len(requests_of(gateway, "GET", PROOF)) == 2


async def test_a_proof_on_a_small_terminal(gateway: Replay, tmp_path: Path) -> None:
    """At 80x24 every check is visible, and the history too."""
    async with dashboard(gateway.url, tmp_path, NARROW) as pilot:
        await history_of(pilot, MADE)
        await press(pilot, "v")
        assert all(f"✔ {name}" in text(pilot) for name in NAMES)
        assert "what happened" in text(pilot)
        assert "completed  worker" in text(pilot)
