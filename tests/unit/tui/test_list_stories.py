"""Stories of the list: search while typing, orders by column, the selected job beside it, ids by their beginning."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.screens.job.side_panel import JobSidePanel
from kinolog_tui.session.job_orders import STATUS_ORDER, jobs_by_status
from kinolog_tui.widgets.jobs.job_table import JobTable
from kinolog_tui.widgets.key_line import KeyLine
from textual.pilot import Pilot
from textual.widgets import Input

from kinolog_client import AsyncKinologClient, JobSelection
from tests.snapshot.dashboard_pilot import app_of, dashboard, press, settled, text, until, until_text
from tests.snapshot.replay import Replay, recorded, requests_of

RUNNING, MADE = recorded()["running"], recorded()["made"]
LIST = "/api/v1/jobs?limit=50"

pytestmark = pytest.mark.slow


async def test_the_list_follows_what_is_typed(gateway: Replay, pilot: Pilot[None]) -> None:
    """Each letter narrows the list; enter keeps the text, esc takes it back to what it was."""
    await press(pilot, "2", "slash", *"yellow")
    table = pilot.app.screen.query_one(JobTable)
    assert {"yellow" in (job.prompt or "") for job in table.jobs} == {True}
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["text"] == "yellow"
    await press(pilot, "enter")
    assert pilot.app.focused is table
    await press(pilot, "slash", "backspace", "backspace", "escape")
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["text"] == "yellow"
    assert not pilot.app.screen.query_one("#search", Input).display
    await press(pilot, "escape")
    assert "text" not in requests_of(gateway, "GET", "/api/v1/jobs")[-1]


async def test_the_order_by_time_is_named_by_what_comes_first(pilot: Pilot[None]) -> None:
    """The newest job has the lowest age: an arrow of the time of submission would contradict that of the column."""
    await press(pilot, "2")
    assert "newest first" in text(pilot)
    assert "age↑" in text(pilot)
    await press(pilot, "S")
    assert "oldest first" in text(pilot)
    assert "age↓" in text(pilot)
    await press(pilot, "s")
    assert "updated at ↑" in text(pilot)


async def test_a_click_on_a_heading_sorts(gateway: Replay, pilot: Pilot[None]) -> None:
    """A click sorts by the column, a second one reverses; the heading has an arrow."""
    await press(pilot, "2")
    heading = text(pilot).split("\n")[2]
    await pilot.click(JobTable, offset=(heading.index("progress"), 0))
    await settled(pilot)
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["sort"] == "progress"
    assert "progress↓" in text(pilot)
    await pilot.click(JobTable, offset=(heading.index("progress"), 0))
    await settled(pilot)
    assert requests_of(gateway, "GET", "/api/v1/jobs")[-1]["order"] == "asc"
    assert "progress↑" in text(pilot)
    await pilot.click(JobTable, offset=(heading.index("status"), 0))
    await settled(pilot)
    statuses = [job.status for job in pilot.app.screen.query_one(JobTable).jobs]
    assert statuses == sorted(statuses, key=STATUS_ORDER.index)
    assert "status↓" in text(pilot)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("chosen", [(), ("queued", "completed")])
async def test_pages_by_status_have_every_job_once(
    gateway: Replay, descending: bool, chosen: tuple[str, ...]
) -> None:
    """Pages of any length together have each job once, status after status, and the last page ends."""
    jobs = gateway.answers[LIST]["jobs"]
    statuses = ["failed", *(["processing"] * 2), *(["cancelled"] * 3)]
    for job, status in zip(jobs, statuses, strict=False):
        job["status"] = status
    summary = Counter(job["status"] for job in jobs)
    gateway.answers[LIST]["summary"] = summary | {"total": len(jobs)}
    gateway.pages = True
    selection = JobSelection(statuses=chosen)
    expected = [status for status in STATUS_ORDER if not chosen or status in chosen][
        :: 1 if descending else -1
    ]
    async with AsyncKinologClient(gateway.url) as client:
        for limit in (1, 2, 5, 50):
            seen: list[str] = []
            ids: list[str] = []
            cursor: str | None = None
            while True:
                page = await jobs_by_status(
                    client, selection, descending=descending, limit=limit, cursor=cursor
                )
                assert page.jobs or not ids
                assert len(page.jobs) <= limit
                seen += [job.status for job in page.jobs]
                ids += [job.job_id for job in page.jobs]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert seen == sorted(seen, key=expected.index)
            assert len(ids) == len(set(ids)) == page.total == sum(summary[status] for status in expected)


async def test_the_selected_job_is_beside_the_list(gateway: Replay, tmp_path: Path) -> None:
    """From 140 columns on, the job under the cursor is on the right with its stages, facts and picture, live."""
    async with dashboard(gateway.url, tmp_path, (140, 40)) as pilot:
        await press(pilot, "2")
        panel = pilot.app.screen.query_one(JobSidePanel)
        table = pilot.app.screen.query_one(JobTable)
        row = [job.job_id for job in table.jobs].index(MADE)
        await press(pilot, *"j" * row)
        await until(pilot, lambda: "▀▀" in text(pilot))
        assert MADE in text(pilot)
        row = [job.job_id for job in table.jobs].index(RUNNING)
        table.move_cursor(row)
        await until_text(pilot, RUNNING)
        step = {"status": "processing", "percent": 61.0, "stage": "denoise", "events": [], "attempt": 1}
        await gateway.send("job_status_update", 1, step | {"step": 12, "steps": 40}, RUNNING)
        await until_text(pilot, "step 12 of 40")
        await pilot.resize_terminal(120, 40)
        await settled(pilot)
        assert not panel.display
        assert "stages" not in text(pilot)
        await pilot.resize_terminal(140, 40)
        await until_text(pilot, "stages")


async def test_the_place_beside_the_list_follows_the_queue(gateway: Replay, tmp_path: Path) -> None:
    """Commits of other jobs change the place of the selected one, whose version stays."""
    job = next(job for job in gateway.answers[LIST]["jobs"] if job["status"] == "queued")
    whole = gateway.answers[f"/api/v1/status/{RUNNING}"] | job
    gateway.answers[f"/api/v1/status/{job['job_id']}"] = whole
    job["queue_position"] = whole["queue_position"] = 7
    async with dashboard(gateway.url, tmp_path, (140, 40)) as pilot:
        await press(pilot, "2")
        pilot.app.screen.query_one(JobTable).move_cursor(0)
        await until_text(pilot, "7 before it")
        job["queue_position"] = 6
        made = gateway.answers[f"/api/v1/status/{MADE}"]
        done = {"status": "completed", "percent": 100.0, "events": ["completed"], "job": made}
        await gateway.send("job_completed", 9, done, MADE)
        await until_text(pilot, "6 before it")


async def test_the_palette_finds_a_job_by_the_beginning_of_its_id(pilot: Pilot[None]) -> None:
    """Some characters of an id are enough; the prompt says which job it is."""
    await press(pilot, "ctrl+p", *RUNNING[:6])
    assert f"Open job {RUNNING}" in text(pilot)
    await press(pilot, "enter")
    assert isinstance(pilot.app.screen, JobPage)
    assert pilot.app.screen.job_id == RUNNING
    assert app_of(pilot).messages.latest == []


async def test_the_bottom_line_has_the_commands_of_the_selected_job(
    gateway: Replay, pilot: Pilot[None]
) -> None:
    """A completed job is not offered to be cancelled or retried, a running one not to be retried; marked jobs are.

    A job that is being cancelled is not cancelled again, and an erased one has no prompt to be made again.
    """

    def offered() -> set[str]:
        line = text(pilot).split("\n")[pilot.app.screen.query_one(KeyLine).region.y]
        return {name for name in ("Cancel", "Retry", "Priority", "Again") if f" {name}" in line}

    await press(pilot, "2")
    table = pilot.app.screen.query_one(JobTable)
    statuses = [job.status for job in table.jobs]
    table.move_cursor(statuses.index("completed"))
    await until(pilot, lambda: offered() == {"Again"})
    table.move_cursor(statuses.index("processing"))
    await until(pilot, lambda: offered() == {"Cancel", "Priority", "Again"})
    await press(pilot, "space")
    await until(pilot, lambda: offered() == {"Cancel", "Retry", "Priority", "Again"})
    jobs = gateway.answers[LIST]["jobs"]
    jobs[statuses.index("processing")]["cancel_requested"] = True
    jobs[statuses.index("completed")] |= {"prompt": None, "erased": True}
    await press(pilot, "escape", "ctrl+r")
    table.move_cursor(statuses.index("processing"))
    await until(pilot, lambda: offered() == {"Priority", "Again"})
    table.move_cursor(statuses.index("completed"))
    await until(pilot, lambda: offered() == set())


async def test_a_mark_stands_apart_from_its_priority(gateway: Replay, pilot: Pilot[None]) -> None:
    """The widest mark too."""
    gateway.answers["/api/v1/jobs?limit=50"]["jobs"][0]["priority"] = "critical"
    await press(pilot, "2")
    assert "▲▲ critical  " in text(pilot)
