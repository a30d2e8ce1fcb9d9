"""Stories of the file that a video becomes: its codec, quality and title."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from tests.snapshot.dashboard_pilot import app_of, press, settled, text
from tests.snapshot.replay import Replay, recorded, requests_of

RUNNING, MADE = recorded()["running"], recorded()["made"]

pytestmark = pytest.mark.slow


async def test_codec_quality_and_title_are_sent(gateway: Replay, pilot: Pilot[None]) -> None:
    """The usual quality follows the codec. Nothing is sent of what is left empty, nor while a value is wrong."""
    for model in gateway.answers["/api/v1/models"]["models"]:
        model["codecs"] = ["h264", "av1", "of a later version"]
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    gateway.answers["/api/v1/generate"] = {"job_id": RUNNING, "status": "queued", "position": 7, "job": job}
    await press(pilot, "3", *"a cat yawns")
    page = pilot.app.screen
    quality = page.query_one("#crf", Input)
    assert quality.placeholder == "18"
    page.query_one("#codec", Select).value = "av1"
    await settled(pilot)
    assert quality.placeholder == "24"
    quality.value = "64"
    await press(pilot, "ctrl+s")
    assert "quality must be 1 to 63" in text(pilot)
    quality.value = "40"
    page.query_one("#title", Input).value = "Yawn"
    await press(pilot, "ctrl+s")
    (sent,) = requests_of(gateway, "POST", "/api/v1/generate")
    assert (sent["codec"], sent["crf"], sent["title"]) == ("av1", 40, "Yawn")


async def test_choices_stay_when_the_models_are_read_again(gateway: Replay, pilot: Pilot[None]) -> None:
    """A worker that joins changes the list of models. Only what is not offered any more is chosen no longer."""
    models = gateway.answers["/api/v1/models"]["models"]
    models[0] |= {"codecs": ["h264", "av1"], "is_default": True}
    models.append(models[0] | {"name": "other", "is_default": False, "styles": ["noir", "sketch"]})
    chosen = {"model": "other", "style": "noir", "codec": "av1"}
    await press(pilot, "3")
    page = pilot.app.screen
    for name, value in chosen.items():
        page.query_one(f"#{name}", Select).value = value
        await settled(pilot)

    async def read_again() -> dict[str, object]:
        await press(pilot, "ctrl+r")
        return {name: page.query_one(f"#{name}", Select).value for name in chosen}

    models[-1]["workers"] = ["worker-9"]
    assert await read_again() == chosen
    models[-1] |= {"styles": ["sketch"], "codecs": ["h264"]}
    assert await read_again() == {"model": "other", "style": Select.NULL, "codec": Select.NULL}
    del models[-1]
    assert (await read_again())["model"] == models[0]["name"]


async def test_a_job_made_again_has_its_codec_and_title(gateway: Replay, pilot: Pilot[None]) -> None:
    """What is the usual of the model stays empty."""
    for model in gateway.answers["/api/v1/models"]["models"]:
        model["codecs"] = ["h264", "av1"]
    gateway.answers[f"/api/v1/status/{MADE}"] |= {"codec": "av1", "crf": 24, "title": "Yawn"}
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "e")
    page = pilot.app.screen
    assert page.query_one("#codec", Select).value == "av1"
    assert page.query_one("#crf", Input).value == ""
    assert page.query_one("#title", Input).value == "Yawn"
