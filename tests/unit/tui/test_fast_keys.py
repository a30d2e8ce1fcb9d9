"""Stories of keys that come faster than the screen, of fields that lose the focus, and of keys that move."""

from __future__ import annotations

import pytest
from kinolog_tui.screens.dialogs.help import HelpDialog
from kinolog_tui.screens.generate import GeneratePage
from kinolog_tui.screens.job.job_page import TABS, JobPage
from kinolog_tui.screens.jobs import JobsPage
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import TabbedContent, TextArea

from tests.snapshot.dashboard_pilot import app_of, press, settled, text, until
from tests.snapshot.replay import Replay, recorded, requests_of

RUNNING, MADE = recorded()["running"], recorded()["made"]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("times", [2, 3, 4, 7])
async def test_tabs_stand_still_after_quick_keys(pilot: Pilot[None], times: int) -> None:
    """However quickly the key of the next tab comes, the tab that was reached stays open."""
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    tabs = pilot.app.screen.query_one(TabbedContent)
    opened: list[str] = []

    def note(active: str) -> None:
        opened.append(active)

    pilot.app.screen.watch(tabs, "active", note, init=False)
    for _ in range(times):
        pilot.app.simulate_key("right_square_bracket")
    await settled(pilot)
    await settled(pilot)
    expected = [TABS[step % len(TABS)] for step in range(1, times + 1)]
    assert opened == expected
    assert tabs.active == expected[-1]


async def test_the_tab_bar_opens_tabs_too(pilot: Pilot[None]) -> None:
    """A click on the name of a tab opens it, and a widget in it has the focus."""
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await pilot.click("#--content-tab-log")
    await settled(pilot)
    assert pilot.app.screen.query_one(TabbedContent).active == "log"
    assert pilot.app.focused is pilot.app.screen.query_one("LogLines")


def submits(gateway: Replay) -> None:
    """Have the gateway accept prompts."""
    job = gateway.answers[f"/api/v1/status/{RUNNING}"]
    gateway.answers["/api/v1/generate"] = {"job_id": RUNNING, "status": "queued", "position": 7, "job": job}


@pytest.mark.parametrize("by_mouse", [False, True])
async def test_a_second_prompt_is_text(gateway: Replay, pilot: Pilot[None], by_mouse: bool) -> None:
    """Back from the first job, what is typed goes into the prompt: `q` quits nothing and `2` opens no page."""
    submits(gateway)
    await press(pilot, "3", *"a ball", *([] if by_mouse else ["ctrl+s"]))
    if by_mouse:
        await pilot.click("#submit")
        await settled(pilot)
    assert isinstance(pilot.app.screen, JobPage)
    await press(pilot, "escape")
    await press(pilot, *"quiet 2")
    assert isinstance(pilot.app.screen, GeneratePage)
    assert pilot.app.is_running
    assert pilot.app.screen.query_one("#prompt", TextArea).text == "quiet 2"


async def test_a_prompt_that_was_not_sent_is_not_lost_by_a_letter(pilot: Pilot[None]) -> None:
    """With text in the prompt, `q` asks first; enter stays. Without text it quits."""
    await press(pilot, "3", *"a ball", "escape", "q")
    assert "The prompt on Generate is not sent" in text(pilot)
    await press(pilot, "enter")
    assert isinstance(pilot.app.screen, GeneratePage)
    assert pilot.app.is_running
    await press(pilot, "q", "y")
    assert pilot.app._exit


async def test_an_answer_opens_no_page_over_another(gateway: Replay, pilot: Pilot[None]) -> None:
    """If the person went on while the prompt was sent, the page stays, and the status line says that it is queued."""
    submits(gateway)
    held = gateway.hold("/api/v1/generate")
    await press(pilot, "3", *"a ball")
    await pilot.press("ctrl+s")
    await gateway.until(lambda: requests_of(gateway, "POST", "/api/v1/generate"))
    await pilot.press("escape", "2")
    await until(pilot, lambda: isinstance(pilot.app.screen, JobsPage))
    held.set()
    await settled(pilot)
    assert isinstance(pilot.app.screen, JobsPage)
    assert "is in the queue" in text(pilot)


async def test_a_dialog_is_not_closed_by_a_failure(gateway: Replay, pilot: Pilot[None]) -> None:
    """A job that does not exist leaves its own page, and not a dialog over it; another error leaves nothing."""
    held = gateway.hold(f"/api/v1/status/{MADE}")
    gateway.problems[f"/api/v1/status/{MADE}"] = {"status": 404, "detail": "there is no job", "title": "x"}
    await press(pilot, "2")
    app_of(pilot).open_job(MADE)
    await until(pilot, lambda: isinstance(pilot.app.screen, JobPage))
    await pilot.press("question_mark")
    await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
    held.set()
    await settled(pilot)
    assert isinstance(pilot.app.screen, HelpDialog)
    await press(pilot, "escape")
    assert isinstance(pilot.app.screen, JobsPage)
    gateway.problems[f"/api/v1/status/{MADE}"] = {"status": 503, "detail": "the log is away", "title": "x"}
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    assert isinstance(pilot.app.screen, JobPage)


async def test_help_moves_by_all_moving_keys(pilot: Pilot[None]) -> None:
    """`G` goes to the end of the help and `g` to its start; so do end and home, and pages are turned."""
    await pilot.resize_terminal(80, 24)
    await press(pilot, "question_mark")
    box = pilot.app.screen.query_one(VerticalScroll)
    for last, first in (("G", "g"), ("end", "home")):
        await press(pilot, last)
        assert box.scroll_y == box.max_scroll_y > 0
        await press(pilot, first)
        assert box.scroll_y == 0
    await press(pilot, "pagedown")
    assert box.scroll_y > 2
    await press(pilot, "pageup")
    assert box.scroll_y == 0


@pytest.mark.parametrize("tab", ["progress", "scenes", "log", "history"])
async def test_tabs_move_by_all_moving_keys(gateway: Replay, pilot: Pilot[None], tab: str) -> None:
    """In every tab that is longer than the screen, j, G and g scroll."""
    lines = [
        {"sequence": number, "at": None, "attempt": 1, "level": "info", "message": f"line {number}"}
        for number in range(1, 200)
    ]
    gateway.answers[f"/api/v1/logs/{MADE}"] = {"entries": lines, "job_id": MADE}
    storyboard = gateway.answers[f"/api/v1/storyboard/{MADE}"]
    scene = storyboard["scenes"][0]
    storyboard["scenes"] = [scene | {"index": index, "video": None} for index in range(20)]
    await pilot.resize_terminal(80, 14)
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    pilot.app.screen.query_one(TabbedContent).active = tab
    await settled(pilot)
    await press(pilot, "x", "G")
    focused = pilot.app.focused
    assert focused is not None
    assert focused.scroll_y == focused.max_scroll_y > 0
    await press(pilot, "g")
    assert focused.scroll_y == 0


async def test_analytics_moves_by_all_moving_keys(pilot: Pilot[None]) -> None:
    """G and g go to the last and the first chart."""
    await pilot.resize_terminal(80, 24)
    await press(pilot, "4", "G")
    box = pilot.app.screen.query_one("#scroll")
    assert box.scroll_y == box.max_scroll_y > 0
    await press(pilot, "g")
    assert box.scroll_y == 0
