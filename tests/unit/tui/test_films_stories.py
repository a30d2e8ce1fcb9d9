"""Stories of the wall of films."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.widgets.jobs.film_wall import CELL_COLUMNS, CELL_ROWS, FilmWall
from kinolog_tui.widgets.key_line import KeyLine
from textual.pilot import Pilot

from tests.snapshot.dashboard_pilot import dashboard, press, settled, text, until
from tests.snapshot.replay import Replay, recorded, requests_of

COMPLETED = [
    job for job in recorded()["answers"]["/api/v1/jobs?limit=50"]["jobs"] if job["status"] == "completed"
]

pytestmark = pytest.mark.slow


def fetched(gateway: Replay) -> list[str]:
    """Return the ids of the jobs whose thumbnails were requested, in order."""
    return [path.split("/")[-2] for _, path, _ in gateway.requests if path.endswith("/thumbnail")]


async def test_thumbnails_of_the_films_in_view_are_fetched(gateway: Replay, pilot: Pilot[None]) -> None:
    """Completed jobs are on the wall; only those in view are fetched, each once, and more when it scrolls."""
    await press(pilot, "6")
    wall = pilot.app.screen.query_one(FilmWall)
    across = wall.size.width // CELL_COLUMNS
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["status"] == "completed"
    assert f"1–{len(COMPLETED)} of" in text(pilot)
    assert "▀▀▀▀" in text(pilot)
    seen = fetched(gateway)
    assert seen == [job["job_id"] for job in COMPLETED[: len(seen)]]
    assert across * (wall.size.height // CELL_ROWS) <= len(seen) < len(COMPLETED)
    await press(pilot, "G")
    assert fetched(gateway)[-1] == COMPLETED[-1]["job_id"]
    await press(pilot, "ctrl+r")
    assert len(fetched(gateway)) == len(set(fetched(gateway)))


async def test_the_cursor_moves_in_two_directions(gateway: Replay, pilot: Pilot[None]) -> None:
    """h and l go along a line, j and k between lines, enter and a second click open the film."""
    made = gateway.answers[f"/api/v1/status/{COMPLETED[0]['job_id']}"]
    for job in COMPLETED[1:3]:
        gateway.answers[f"/api/v1/status/{job['job_id']}"] = made | {"job_id": job["job_id"]}
    await press(pilot, "6")
    wall = pilot.app.screen.query_one(FilmWall)
    across = wall.size.width // CELL_COLUMNS
    await press(pilot, "l", "j")
    assert wall.cursor == across + 1
    await press(pilot, "h", "k", "k")
    assert wall.cursor == 0
    await press(pilot, "right", "enter")
    assert isinstance(pilot.app.screen, JobPage)
    assert pilot.app.screen.job_id == COMPLETED[1]["job_id"]
    await press(pilot, "escape")
    for _ in range(2):
        await pilot.click(FilmWall, offset=(CELL_COLUMNS * 2 + 4, 2))
        await settled(pilot)
    assert isinstance(pilot.app.screen, JobPage)
    assert pilot.app.screen.job_id == COMPLETED[2]["job_id"]


async def test_pages_of_films(gateway: Replay, tmp_path: Path) -> None:
    """n and p turn the pages at any size; after a resize the films are arranged again."""
    page = gateway.answers["/api/v1/jobs?limit=50"]
    page["next_cursor"] = "older"
    async with dashboard(gateway.url, tmp_path, (80, 24)) as pilot:
        await press(pilot, "6", "n")
        assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["cursor"] == "older"
        first = len(COMPLETED) + 1
        assert f" {first}–{first + len(COMPLETED) - 1} of " in text(pilot)
        await press(pilot, "p", "p")
        assert "cursor" not in requests_of(gateway, "GET", "/api/v1/jobs")[-1]
        wall = pilot.app.screen.query_one(FilmWall)
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: wall.size.width > 190)
        await settled(pilot)
        await press(pilot, "G")
        assert wall.cursor == len(COMPLETED) - 1


async def test_erased_jobs_are_no_films(gateway: Replay, pilot: Pilot[None]) -> None:
    """They are neither on the wall nor in its number. While there are older pages, the number is a limit."""
    page = gateway.answers["/api/v1/jobs?limit=50"]
    completed = [job for job in page["jobs"] if job["status"] == "completed"]
    for job in completed[:2]:
        job |= {"erased": True, "prompt": None}
    films, total = len(completed) - 2, page["summary"]["completed"] - 2
    await press(pilot, "6")
    assert f" 1–{films} of {films} films" in text(pilot)
    page["next_cursor"] = "older"
    await press(pilot, "ctrl+r")
    assert f" 1–{films} of at most {total} films" in text(pilot)
    page["next_cursor"] = None
    await press(pilot, "n")
    assert f" {films + 1}–{2 * films} of {2 * films} films" in text(pilot)
    for job in completed:
        job |= {"erased": True, "prompt": None}
    await press(pilot, "ctrl+r")
    assert "every job of this page is erased" in text(pilot)


async def test_keys_of_the_wall_do_something(gateway: Replay, pilot: Pilot[None]) -> None:
    """The first page offers only older films, the last one only newer ones, and an empty wall none to open."""

    def offered() -> set[str]:
        line = text(pilot).split("\n")[pilot.app.screen.query_one(KeyLine).region.y]
        return {name for name in ("Older", "Newer", "Open") if f" {name}" in line}

    page = gateway.answers["/api/v1/jobs?limit=50"]
    page["next_cursor"] = "older"
    await press(pilot, "6")
    assert offered() == {"Older", "Open"}
    await press(pilot, "n")
    assert offered() == {"Older", "Newer", "Open"}
    page["next_cursor"] = None
    await press(pilot, "ctrl+r")
    assert offered() == {"Newer", "Open"}
    await press(pilot, "p")
    assert offered() == {"Open"}
    page["jobs"] = []
    await press(pilot, "ctrl+r")
    assert offered() == set()
