"""Stories of prompts: a job again with changes, earlier prompts, and an editor of the person's own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from kinolog_tui.prompts.history import PromptHistory
from kinolog_tui.screens.generate import GeneratePage
from kinolog_tui.screens.jobs import JobsPage
from textual.pilot import Pilot
from textual.widgets import Input, Select, TextArea

from tests.fixtures.screen import Screen
from tests.fixtures.terminal import Terminal
from tests.snapshot.dashboard_pilot import app_of, dashboard, press, settled, text
from tests.snapshot.environment import environment_of
from tests.snapshot.replay import Replay, recorded, requests_of

RUNNING, MADE = recorded()["running"], recorded()["made"]
JOB = recorded()["answers"][f"/api/v1/status/{MADE}"]

pytestmark = pytest.mark.slow


def prompt_of(pilot: Pilot[None]) -> str:
    """Return the text of the prompt."""
    return pilot.app.screen.query_one("#prompt", TextArea).text


@pytest.mark.parametrize("visited", [False, True])
async def test_a_job_is_made_again_with_changes(gateway: Replay, pilot: Pilot[None], visited: bool) -> None:
    """`e` fills the form with the request of a job, its seed too; one value is changed and all is sent."""
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    gateway.answers["/api/v1/generate"] = {"job_id": RUNNING, "status": "queued", "position": 7, "job": job}
    if visited:
        await press(pilot, "3", *"a draft", "escape", "2")
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "e")
    page = pilot.app.screen
    assert isinstance(page, GeneratePage)
    assert prompt_of(pilot) == JOB["prompt"]
    page.query_one("#steps", Input).value = "12"
    await press(pilot, "ctrl+s")
    sent = requests_of(gateway, "POST", "/api/v1/generate")[-1]
    assert sent.pop("request_id") != JOB["request_id"]
    same = ("prompt", "model", "priority", "style", "size", "duration", "seed")
    assert sent == {name: JOB[name] for name in same} | {"steps": 12, "shots": "auto"}
    await press(pilot, "escape", "ctrl+up")
    assert prompt_of(pilot) == ("a draft" if visited else JOB["prompt"])


async def test_a_job_of_listed_scenes_is_made_again_as_one_shot(gateway: Replay, pilot: Pilot[None]) -> None:
    """Scenes that the prompt does not mark cannot be in the form. The status line says so."""
    gateway.answers[f"/api/v1/status/{MADE}"] |= {"prompt": "A red circle. A green square.", "scenes": 2}
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "e")
    page = pilot.app.screen
    assert isinstance(page, GeneratePage)
    assert page.query_one("#shots", Select).value == "one"
    assert "its scenes are one shot now" in " ".join(text(pilot).split())


async def test_what_a_job_made_again_lacks_is_said(gateway: Replay, pilot: Pilot[None]) -> None:
    """The form asks no language model, and a codec may be gone."""
    gateway.answers[f"/api/v1/status/{MADE}"] |= {"codec": "h265_nvenc", "prompt_writer": "a-model"}
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "e")
    shown = " ".join(text(pilot).split())
    assert "h265_nvenc is not offered now" in shown
    assert "no language model writes its prompt now" in shown


@pytest.mark.parametrize("answer", ["as before", "left out"])
async def test_what_the_form_has_no_fields_for_is_as_before_or_left_out(
    gateway: Replay, pilot: Pilot[None], answer: str
) -> None:
    """It is named in the draft and sent again. The usual guidance is not."""
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    gateway.answers["/api/v1/generate"] = {"job_id": RUNNING, "status": "queued", "position": 7, "job": job}
    choices = {
        "upscaler": "sharp-x2",
        "loras": [{"name": "ink", "weight": 0.5}],
        "profile": "fast",
        "fps": 12,
        "interpolate_fps": 48,
    }
    gateway.answers[f"/api/v1/status/{MADE}"] |= choices
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "e")
    assert "as before: LoRA ink 0.5, profile fast" in " ".join(text(pilot).replace("│", " ").split())
    pilot.app.screen.query_one("#earlier", Select).value = answer
    await settled(pilot)
    assert ("as before: LoRA" in text(pilot)) == (answer == "as before")
    await press(pilot, "ctrl+s")
    sent = requests_of(gateway, "POST", "/api/v1/generate")[-1]
    assert {name: sent[name] for name in choices if name in sent} == (
        choices if answer == "as before" else {}
    )
    assert "guidance" not in sent


async def test_variants_are_submitted_and_listed(gateway: Replay, pilot: Pilot[None]) -> None:
    """Their seeds and the time of all are shown before. Then the list has them alone, and filters leave it so."""
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    sent = {"job_id": RUNNING, "status": "queued", "position": 7, "job": job}
    gateway.answers["/api/v1/generate"] = sent | {"variants": [job, job | {"job_id": MADE}]}
    await press(pilot, "3", *"a red ball")
    page = pilot.app.screen
    page.query_one("#variants", Input).value = "9"
    await settled(pilot)
    assert "✖ variants must be 1 to 8" in text(pilot)
    page.query_one("#variants", Input).value = "2"
    await settled(pilot)
    assert "2 variants, each with the next seed" in text(pilot)
    assert "of work each, " in text(pilot)
    page.query_one("#seed", Input).value = "7"
    await settled(pilot)
    assert "2 variants, seeds 7 to 8" in text(pilot)
    await press(pilot, "ctrl+s")
    body = requests_of(gateway, "POST", "/api/v1/generate")[-1]
    assert (body["variants"], body["seed"]) == (2, 7)
    assert isinstance(pilot.app.screen, JobsPage)
    assert "2 variants are in the queue, the first is" in text(pilot)
    await press(pilot, "f", "ctrl+s", "s")
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["variant_of"] == RUNNING
    assert f"variants of {RUNNING[:8]}" in text(pilot)
    await press(pilot, "escape")
    assert "variant_of" not in requests_of(gateway, "GET", "/api/v1/jobs")[-1]


@pytest.mark.parametrize("below", ["1", "2"])
async def test_the_page_of_a_variant_leads_to_the_others(
    gateway: Replay, pilot: Pilot[None], below: str
) -> None:
    """Its key is offered there alone, and opens the list, from whichever page the job was opened."""
    await press(pilot, below)
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    assert "a Variants" not in text(pilot)
    await press(pilot, "a")
    assert not requests_of(gateway, "GET", "/api/v1/jobs")[-1].get("variant_of")
    gateway.answers[f"/api/v1/status/{MADE}"] |= {"variant_of": RUNNING, "variant": 2}
    await press(pilot, "ctrl+r")
    assert "a Variants" in text(pilot)
    assert f"2 of job {RUNNING}" in text(pilot)
    await press(pilot, "a")
    assert isinstance(pilot.app.screen, JobsPage)
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["variant_of"] == RUNNING


async def test_shots_are_chosen_in_the_form(gateway: Replay, pilot: Pilot[None]) -> None:
    """A prompt is one scene until its shots are auto; then it is cut at its marks, and the choice is sent."""
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    gateway.answers["/api/v1/generate"] = {"job_id": RUNNING, "status": "queued", "position": 7, "job": job}
    await press(pilot, "3")
    page = pilot.app.screen
    page.query_one("#prompt", TextArea).text = "A red circle. Then a green square."
    await settled(pilot)
    assert "the prompt marks 2 shots" in text(pilot)
    assert "scene 2" not in text(pilot)
    page.query_one("#shots", Select).value = "auto"
    await settled(pilot)
    assert "the prompt marks" not in text(pilot)
    assert "scene 2" in text(pilot)
    await press(pilot, "ctrl+s")
    assert requests_of(gateway, "POST", "/api/v1/generate")[-1]["shots"] == "auto"


@pytest.mark.parametrize("width", [80, 100, 110, 120])
async def test_the_form_cuts_no_value(gateway: Replay, tmp_path: Path, width: int) -> None:
    """The longest seed that is drawn and a large size are there in full, at any width of the screen."""
    values = {"seed": 4_294_967_295, "size": "1920x1088", "steps": 50, "duration": 12.5}
    gateway.answers[f"/api/v1/status/{MADE}"] |= values
    async with dashboard(gateway.url, tmp_path, (width, 24)) as pilot:
        app_of(pilot).open_job(MADE)
        await settled(pilot)
        await press(pilot, "e")
        assert isinstance(pilot.app.screen, GeneratePage)
        shown = text(pilot)
        assert all(str(value) in shown.split() for value in values.values()), shown


async def test_an_erased_job_is_not_made_again(gateway: Replay, pilot: Pilot[None]) -> None:
    """Its prompt is gone. The key is not offered, and the status line says why it does nothing."""
    gateway.answers[f"/api/v1/status/{MADE}"] |= {"prompt": None, "erased": True}
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    assert "e Again" not in text(pilot)
    await press(pilot, "e")
    assert "Not again: its prompt is erased" in text(pilot)


async def test_earlier_prompts_are_recalled(gateway: Replay, pilot: Pilot[None]) -> None:
    """ctrl+up goes through the prompts of the jobs, each once, and ctrl+down back to what was written."""
    jobs = gateway.answers["/api/v1/jobs?limit=50"]["jobs"]
    prompts = list(dict.fromkeys(job["prompt"] for job in jobs))
    await press(pilot, "3", *"mine", "ctrl+up")
    assert prompt_of(pilot) == prompts[0]
    await press(pilot, "ctrl+up")
    assert prompt_of(pilot) == prompts[1]
    await press(pilot, "ctrl+down", "ctrl+down")
    assert prompt_of(pilot) == "mine"
    await press(pilot, "ctrl+down")
    assert "no later prompt" in text(pilot)
    assert prompt_of(pilot) == "mine"


def test_a_changed_prompt_is_a_new_one() -> None:
    """What was changed after it was recalled is returned to; both ends say so."""
    history = PromptHistory()
    history.show(["b", None, "a", "b"])
    assert history.step(1, "") == "b"
    assert history.step(1, "b") == "a"
    assert history.step(1, "a") is None
    assert history.step(1, "a red a") == "b"
    assert history.step(-1, "b") == "a red a"
    assert history.step(-1, "a red a") is None
    history.put_aside(" ")
    history.put_aside("aside")
    assert history.step(1, "") == "aside"


async def test_without_an_editor_the_prompt_stays(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without $EDITOR a message says what to set."""
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    await press(pilot, "3", *"mine", "ctrl+o")
    assert "set $EDITOR" in text(pilot)
    assert prompt_of(pilot) == "mine"


async def test_an_editor_with_a_missing_quotation_mark_is_named(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that cannot be read is an error in the status line; the prompt stays."""
    monkeypatch.setenv("VISUAL", "vim 'x")
    await press(pilot, "3", *"mine", "ctrl+o")
    assert "correct $VISUAL or $EDITOR" in text(pilot)
    assert prompt_of(pilot) == "mine"


async def test_the_own_editor_writes_the_prompt(gateway: Replay, tmp_path: Path) -> None:
    """The editor gets the terminal and a file with the prompt; what it wrote is in the form, and the file is gone."""
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import sys, pathlib\nfile = pathlib.Path(sys.argv[1])\nfile.write_text(file.read_text() + ' and a star')\n"
    )
    chosen = {"VISUAL": f"{sys.executable} {editor}", "KINOLOG_URL": gateway.url, "TMPDIR": str(tmp_path)}

    def edit() -> Screen:
        with Terminal((sys.executable, "-m", "kinolog_tui"), environment_of(tmp_path) | chosen) as terminal:
            terminal.until(lambda screen: "● live" in screen.line(0), terminal.started)
            terminal.press("3", lambda screen: "what will be made" in screen.text())
            terminal.press("a moon", lambda screen: "a moon" in screen.text())
            terminal.press("\x0f", lambda screen: "a moon and a star" in screen.text())
            assert not list(tmp_path.glob("kinolog-tui-*/prompt.txt"))
            terminal.press("\x11", lambda screen: "\x1b[?1049l" in screen.modes[-8:])
            return terminal.screen

    await asyncio.to_thread(edit)
