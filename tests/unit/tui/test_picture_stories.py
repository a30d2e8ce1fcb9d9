"""Stories of a video that begins with a picture, and of one whose scenes go on from each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_tui.widgets.draft.chain_field import ChainField
from kinolog_tui.widgets.draft.picture_field import PictureField
from textual.pilot import Pilot
from textual.widgets import Input

from tests.snapshot.dashboard_pilot import app_of, press, settled, text
from tests.snapshot.replay import Replay, recorded, requests_of

RUNNING, MADE = recorded()["running"], recorded()["made"]
UPLOAD = {
    "upload_id": "u" * 26,
    "sha256": "0" * 64,
    "media_type": "image/png",
    "size_bytes": 9,
    "expires_at": "2026-11-23T15:00:00Z",
}

pytestmark = pytest.mark.slow


def _takes_a_picture(gateway: Replay) -> None:
    """Let all models begin with a picture."""
    for model in gateway.answers["/api/v1/models"]["models"]:
        model["inputs"] = [{"role": "first_frame", "required": True, "most": 1}]


async def test_a_picture_is_uploaded_and_named(
    gateway: Replay, pilot: Pilot[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that cannot be read is said, and nothing is sent; another one is sent with the prompt."""
    monkeypatch.chdir(tmp_path)
    _takes_a_picture(gateway)
    gateway.answers["/api/v1/inputs"] = UPLOAD
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    gateway.answers["/api/v1/generate"] = {"job_id": RUNNING, "status": "queued", "position": 7, "job": job}
    await press(pilot, "3", *"a cat yawns")
    field = pilot.app.screen.query_one(PictureField).query_one(Input)
    assert "the model needs one" in field.placeholder
    field.value = "cat.png"
    await press(pilot, "ctrl+s")
    assert "cat.png cannot be read: No such file" in text(pilot)
    assert not requests_of(gateway, "POST", "/api/v1/generate")
    (tmp_path / "cat.png").write_bytes(b"a picture")
    await press(pilot, "ctrl+s")
    (sent,) = requests_of(gateway, "POST", "/api/v1/generate")
    assert sent["inputs"] == [{"role": "first_frame", "upload_id": "u" * 26}]


async def test_a_model_of_texts_has_no_such_field(gateway: Replay, pilot: Pilot[None]) -> None:
    """Nothing of it is on the page, and what was typed for another model is not sent."""
    await press(pilot, "3", *"a cat")
    field = pilot.app.screen.query_one(PictureField)
    assert not field.display
    field.query_one(Input).value = "/nowhere"
    assert field.path is None


async def test_a_job_shows_what_it_starts_from(gateway: Replay, pilot: Pilot[None]) -> None:
    """Role, type and size, beside its other facts."""
    gateway.answers[f"/api/v1/status/{MADE}"] |= {
        "inputs": [{"role": "first_frame", "media_type": "image/png", "size_bytes": 2_000_000}]
    }
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    shown = text(pilot)
    assert "first frame" in shown
    assert "image/png" in shown


async def test_scenes_are_chained_where_the_model_can(gateway: Replay, pilot: Pilot[None]) -> None:
    """Another model has no such field. A chained job is made again as one."""
    await press(pilot, "3")
    assert not pilot.app.screen.query_one(ChainField).display
    await press(pilot, "escape", "1")
    for model in gateway.answers["/api/v1/models"]["models"]:
        model["window_frames"] = 10
    job = gateway.answers[f"/api/v1/status/{MADE}"] = gateway.answers[f"/api/v1/status/{MADE}"] | {
        "chained": True
    }
    gateway.answers["/api/v1/generate"] = {"job_id": MADE, "status": "queued", "position": 7, "job": job}
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "e")
    field = pilot.app.screen.query_one(ChainField)
    assert (field.display, field.value) == (True, True)
    await press(pilot, "ctrl+s")
    (sent,) = requests_of(gateway, "POST", "/api/v1/generate")
    assert sent["chained"] is True
