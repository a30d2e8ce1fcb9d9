"""The dashboard on a real gateway: a typed prompt becomes a video that plays; a job is cancelled by a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kinolog_tui.app import KinologApp
from kinolog_tui.screens.generate import GeneratePage
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.session.preferences import PreferenceStore
from kinolog_tui.widgets.job.history import HistoryPanel
from kinolog_tui.widgets.job.player import Player
from textual.pilot import Pilot
from textual.widgets import Select, TextArea

from kinolog_client.models.catalogue import ModelListInfo
from kinolog_stack.stack import Stack
from tests.fixtures import waits
from tests.snapshot.dashboard_pilot import app_of, linked, press, running, settled, text, until, until_text
from tests.snapshot.environment import fixed_environment, settings_file


@pytest.fixture
async def pilot(stack: Stack, tmp_path: Path) -> AsyncIterator[Pilot[None]]:
    """The dashboard on the session's stack, connected."""
    with fixed_environment(tmp_path):
        app = KinologApp(stack.addresses["gateway"], store=PreferenceStore(settings_file(tmp_path)))
        async with running(app) as connected:
            await linked(connected, "live")
            await settled(connected)
            yield connected


def names_of(models: ModelListInfo) -> set[str]:
    """Return the names of the models that a client may choose."""
    return {model.name for model in models.models}


async def submit(pilot: Pilot[None], prompt: str, model: str, steps: str = "") -> JobPage:
    """Write a prompt, choose a model once its worker has reported, submit. Return the page of the job."""
    rest = app_of(pilot).client
    await waits.until(rest.models, f"a worker has reported {model}", lambda read: model in names_of(read))
    await press(pilot, "3")
    await until(pilot, lambda: isinstance(pilot.app.screen, GeneratePage))
    page = pilot.app.screen
    page.query_one("#model", Select).value = model
    page.query_one("#prompt", TextArea).text = prompt
    page.query_one("#steps").value = steps  # type: ignore[attr-defined]  # an input
    await settled(pilot)
    await press(pilot, "ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, JobPage) and pilot.app.screen.job)
    assert isinstance(pilot.app.screen, JobPage)
    return pilot.app.screen


async def test_from_a_prompt_to_a_video_in_the_terminal(pilot: Pilot[None]) -> None:
    """A submitted job is followed live to its end, its video plays, and the slider goes back to its start."""
    page = await submit(pilot, "A dashboard draws a ring. Then a square.", "card")
    await until(pilot, lambda: page.job is not None and page.job.ended)
    assert page.job is not None
    assert page.job.status == "completed"
    await settled(pilot)
    await press(pilot, "v")
    player = page.query_one(Player)
    await until(pilot, lambda: player.clip)
    assert player.clip is not None
    assert len(player.clip.pictures) == page.job.frames == 9
    await press(pilot, "right_square_bracket")
    history = page.query_one(HistoryPanel)
    await until(pilot, lambda: history.at > 0)  # it has loaded, and shows the end
    await press(pilot, "g")
    assert history.at == 0
    await until_text(pilot, "○ queued")
    await press(pilot, "escape", "escape", "2")  # to Generate, out of its field, to the list
    await until_text(pilot, "A dashboard draws a ring.")


async def test_a_record_is_proved_and_an_altered_video_is_named(pilot: Pilot[None], stack: Stack) -> None:
    """v in the history verifies the real record: it is valid, and with an altered video the file is named."""
    page = await submit(pilot, "A dashboard proves a ring.", "card")
    await until(pilot, lambda: page.job is not None and page.job.ended)
    await settled(pilot)
    await press(pilot, "left_square_bracket", "v")
    await until_text(pilot, "complete and untouched, checked at")
    shown = text(pilot)
    assert shown.count("✔") == 9
    assert "✖" not in shown
    assert page.job is not None
    sha256 = next(artifact.sha256 for artifact in page.job.artifacts if artifact.kind == "video")
    (video,) = stack.folder.artifacts.glob(f"jobs/*/*/{sha256}.mp4")
    whole = video.read_bytes()
    try:
        video.write_bytes(whole[:-1])
        await press(pilot, "v")
        await until_text(pilot, "does not hold: artifacts")
        assert "✖ artifacts video" in text(pilot)
    finally:
        video.write_bytes(whole)
    await press(pilot, "v")
    await until_text(pilot, "complete and untouched")


async def test_a_running_job_is_cancelled_by_a_key(pilot: Pilot[None]) -> None:
    """c and y cancel a running job; its page shows it without another request."""
    page = await submit(pilot, "a slow dashboard", "endless-card", "900")
    await until(pilot, lambda: page.job is not None and page.job.stage == "denoise")
    await press(pilot, "c", "y")
    await until(pilot, lambda: page.job is not None and page.job.ended)
    assert page.job is not None
    assert page.job.status == "cancelled"
    assert "⊘ cancelled" in text(pilot)
