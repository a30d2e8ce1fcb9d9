"""Stories on the page of one job: its video, its pictures, its scenes, its log, its history."""

from __future__ import annotations

from base64 import b64encode
from fractions import Fraction

import av
import pytest
from kinolog_tui.screens.job.job_page import TABS
from kinolog_tui.screens.job.scenes_tab import ScenesTab, SceneThumbnail
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.widgets.job.history import HistoryPanel
from kinolog_tui.widgets.job.job_details import NAME_CELLS, JobFacts
from kinolog_tui.widgets.job.player import Player
from kinolog_tui.widgets.job.scenes import SceneList
from kinolog_tui.widgets.key_line import KeyLine
from textual.pilot import Pilot
from textual.widgets import TabbedContent

from tests.snapshot.dashboard_pilot import app_of, press, settled, text, until, until_text
from tests.snapshot.replay import Json, Replay, recorded, requests_of

RUNNING, MADE = recorded()["running"], recorded()["made"]
(CANCELLED,) = [
    job["job_id"]
    for job in recorded()["answers"]["/api/v1/jobs?limit=50"]["jobs"]
    if job["status"] == "cancelled"
]

pytestmark = pytest.mark.slow


async def test_play_and_travel_through_time(gateway: Replay, pilot: Pilot[None]) -> None:
    """The finished video plays in blocks and seeks; the slider shows the state as of each commit."""
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "v")
    player = pilot.app.screen.query_one(Player)
    await until_text(pilot, "2.0 s")
    assert player.clip is not None
    if player.playing:
        await press(pilot, "space")
    await press(pilot, "home", "right", "full_stop")
    assert player.index == 9
    await press(pilot, "right_square_bracket")
    history = pilot.app.screen.query_one(HistoryPanel)
    assert "completed 100%" in text(pilot)
    await press(pilot, "g")
    assert history.at == 0
    assert "○ queued" in text(pilot).split("state then")[1]
    await press(pilot, "right")
    assert requests_of(gateway, "GET", f"/api/v1/events/{MADE}")[-1]["as_of"]
    assert "◐ processing" in text(pilot).split("state then")[1]


async def test_lines_of_the_log_arrive_once_and_can_be_found(gateway: Replay, pilot: Pilot[None]) -> None:
    """A line that arrives twice is shown once, as wide as the terminal. Typing filters the log by a text."""
    app_of(pilot).open_job(RUNNING)
    await settled(pilot)
    pilot.app.screen.query_one(TabbedContent).active = "log"
    await settled(pilot)
    entry = {"sequence": 900, "at": None, "attempt": 1, "level": "warning"}
    entry["message"] = f"a needle in {'hay ' * 20}stack"
    await gateway.send("job_log_entry", 1, entry, RUNNING)
    await gateway.send("job_log_entry", 1, entry, RUNNING)
    await until_text(pilot, "needle")
    (line,) = (line for line in text(pilot).split("\n") if "needle" in line)
    assert "stack" in line
    await press(pilot, "slash", *"needle", "enter")
    assert "a needle" in text(pilot)
    assert "the model draws" not in text(pilot)


async def test_an_empty_log_says_whether_lines_may_come(gateway: Replay, pilot: Pilot[None]) -> None:
    """None comes any more once the job has ended. Until they are loaded, nothing is said about them."""
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    key = next(key for key in gateway.answers if key.startswith(f"/api/v1/logs/{RUNNING}"))
    gateway.answers[key]["entries"] = []
    loaded = gateway.hold(f"/api/v1/logs/{RUNNING}")
    app_of(pilot).open_job(RUNNING)
    await until_text(pilot, RUNNING)
    pilot.app.screen.query_one(TabbedContent).active = "log"
    await until(pilot, lambda: "…" in [line.strip() for line in text(pilot).split("\n")])
    loaded.set()
    await until_text(pilot, "No lines yet.")
    ended = {"status": "failed", "finished_at": job["updated_at"], "version": job["version"] + 1}
    await _commit(gateway, job | ended, "failed")
    await until_text(pilot, "The job ended without a line.")


async def test_the_facts_have_the_whole_name_of_the_model(gateway: Replay, pilot: Pilot[None]) -> None:
    """The head of the page cuts a long one."""
    name = "-".join(["a-model-of-another-family"] * 4)
    gateway.answers[f"/api/v1/status/{MADE}"]["model"] = name
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    facts = pilot.app.screen.query_one(JobFacts).region
    values = slice(facts.x + 2 + NAME_CELLS, facts.right - 2)
    lines = text(pilot).split("\n")[facts.y : facts.bottom]
    assert name in "".join(line[values].strip() for line in lines)


async def test_scenes_get_their_pictures_when_they_are_looked_at(gateway: Replay, pilot: Pilot[None]) -> None:
    """Thumbnails are fetched once, and only while the storyboard is open. A scene without one is decoded."""
    paths = [f"/api/v1/result/{MADE}/scenes/0/thumbnail", f"/api/v1/result/{MADE}/scenes/1"]
    gateway.answers[f"/api/v1/storyboard/{MADE}"]["scenes"][0]["thumbnail"] = paths[0]
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    assert [requests_of(gateway, "GET", path) for path in paths] == [[], []]
    await press(pilot, "right_square_bracket")
    assert set(pilot.app.screen.query_one(SceneList).thumbnails) == {0, 1}
    assert "▀▀▀▀" in text(pilot)
    await press(pilot, "ctrl+r")
    assert [len(requests_of(gateway, "GET", path)) for path in paths] == [1, 1]


async def test_each_attempt_has_pictures_of_its_own(gateway: Replay, pilot: Pilot[None]) -> None:
    """The scenes of another attempt are fetched again, and those of an erased job lose their pictures."""
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "right_square_bracket")
    tab = pilot.app.screen.query_one(ScenesTab)
    scenes = tab.query_one(SceneList)
    first = scenes.thumbnails[0]
    job = gateway.answers[f"/api/v1/status/{MADE}"]
    again = job | {"attempt": job["attempt"] + 1, "status": "processing", "version": job["version"] + 1}
    await _commit(gateway, again, "attempt_started")
    await until(pilot, lambda: tab.job and tab.job.attempt == again["attempt"])
    await settled(pilot)
    assert set(scenes.thumbnails) == {0, 1}
    for index in (0, 1):
        fetched = requests_of(gateway, "GET", f"/api/v1/result/{MADE}/scenes/{index}")
        assert len(fetched) > 1  # a storyboard that arrives meanwhile starts a download over
    tab.post_message(RequestAnswered("thumbnail", SceneThumbnail(job["attempt"], 2, first)))
    await settled(pilot)
    assert set(scenes.thumbnails) == {0, 1}
    await _commit(gateway, again | {"erased": True, "version": again["version"] + 1}, "erased")
    await until(pilot, lambda: tab.job and tab.job.erased)
    tab.post_message(RequestAnswered("thumbnail", SceneThumbnail(again["attempt"], 0, first)))
    await settled(pilot)
    assert scenes.thumbnails == {}


async def _commit(gateway: Replay, job: Json, event: str) -> None:
    """Send a commit, after which the job is so."""
    state = {name: job[name] for name in ("status", "percent", "attempt")} | {"events": [event], "job": job}
    await gateway.send("job_status_update", 9_000 + job["version"], state, job["job_id"])


def still(colour: tuple[int, int, int]) -> str:
    """Return a JPEG of one colour, in base64."""
    frame = av.VideoFrame(64, 64, "rgb24")
    plane = frame.planes[0]
    plane.update(bytes(colour) * (plane.buffer_size // 3))
    coder = av.CodecContext.create("mjpeg", "w")
    coder.width, coder.height, coder.pix_fmt, coder.time_base = 64, 64, "yuvj420p", Fraction(1, 1)
    packets = coder.encode(frame.reformat(format="yuvj420p")) + coder.encode(None)
    return b64encode(b"".join(bytes(packet) for packet in packets)).decode("ascii")


async def test_a_waiting_job_has_its_place_of_now(gateway: Replay, pilot: Pilot[None]) -> None:
    """Commits of any job may change its place, and its own do not name it."""
    job = gateway.answers[f"/api/v1/status/{MADE}"]
    job |= {"status": "queued", "finished_at": None, "queue_position": 7}
    app_of(pilot).open_job(MADE)
    await until_text(pilot, "7 before it")
    job["queue_position"] = 6
    other = gateway.answers[f"/api/v1/status/{RUNNING}"]
    await _commit(gateway, other, "attempt_started")
    await until_text(pilot, "6 before it")
    job |= {"queue_position": 0, "version": job["version"] + 1}
    await _commit(gateway, job | {"queue_position": None}, "reprioritized")
    await until_text(pilot, "next in line")


async def test_pictures_of_the_work_so_far_are_shown_until_the_video_is_there(
    gateway: Replay, pilot: Pilot[None]
) -> None:
    """A preview of the running job is shown at once, then the next one, then the video."""
    app_of(pilot).open_job(RUNNING)
    await settled(pilot)
    await press(pilot, "v")
    player = pilot.app.screen.query_one(Player)
    assert "No picture yet" in text(pilot)
    for step, colour in ((4, (200, 0, 0)), (8, (0, 0, 200))):
        facts = {"attempt": 1, "scene": 0, "step": step, "media_type": "image/jpeg", "image": still(colour)}
        await gateway.send("job_preview", step, facts, RUNNING)
        strongest = colour.index(max(colour))
        await until(pilot, lambda at=strongest: player.clip and player.clip.pictures[0].pixels[at] > 150)  # type: ignore[misc]
    assert not player.playing
    assert "the work so far" in text(pilot)
    done = gateway.answers[f"/api/v1/status/{MADE}"] | {"job_id": RUNNING, "version": 999}
    ended = {"status": "completed", "percent": 100.0, "events": ["completed"], "job": done}
    await gateway.send("job_completed", 9, ended, RUNNING)
    await until(pilot, lambda: player.clip and len(player.clip.pictures) == 16)
    assert "the work so far" not in text(pilot)


async def test_the_reason_of_a_cancel_is_among_the_facts(gateway: Replay, pilot: Pilot[None]) -> None:
    """The progress of a cancelled job says who cancelled it and why; a retried one is not cancelled any more."""
    app_of(pilot).open_job(CANCELLED)
    await settled(pilot)
    assert "by anonymous: not wanted" in text(pilot)
    job = gateway.answers[f"/api/v1/status/{CANCELLED}"]
    again = job | {"status": "queued", "cancel_requested": False, "version": job["version"] + 1}
    await _commit(gateway, again, "retried")
    await until(pilot, lambda: "not wanted" not in text(pilot))


async def test_a_cancel_without_a_history_has_no_reason(gateway: Replay, pilot: Pilot[None]) -> None:
    """The facts are there if the history cannot be read."""
    problem = {"status": 500, "title": "Internal Server Error", "detail": "broken"}
    gateway.problems[f"/api/v1/events/{CANCELLED}"] = problem
    app_of(pilot).open_job(CANCELLED)
    await settled(pilot)
    assert "submitted" in text(pilot)
    assert "not wanted" not in text(pilot)
    del gateway.problems[f"/api/v1/events/{CANCELLED}"]
    await press(pilot, "ctrl+r")
    assert "by anonymous: not wanted" in text(pilot)


async def test_the_video_tab_offers_to_make_it_again(pilot: Pilot[None]) -> None:
    """The bottom line has the key on every tab."""
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    for tab in TABS:
        pilot.app.screen.query_one(TabbedContent).active = tab
        await settled(pilot)
        keys = text(pilot).split("\n")[pilot.app.screen.query_one(KeyLine).region.y]
        assert "e Again" in keys
