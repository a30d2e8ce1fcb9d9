"""Stories of keys that a person changes, in the dialog that Settings open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kinolog_tui.screens.dialogs.keys import KeysDialog
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.screens.jobs import JobsPage
from kinolog_tui.screens.settings import SettingsPage
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.widgets.key_line import KeyLine
from textual.pilot import Pilot
from textual.widgets import Button, Input, OptionList

from tests.snapshot.dashboard_pilot import NARROW, app_of, dashboard, press, settled, text, until_text
from tests.snapshot.environment import settings_file
from tests.snapshot.replay import Replay, recorded

pytestmark = pytest.mark.slow


async def change(pilot: Pilot[None], name: str, *keys: str) -> None:
    """Highlight a key in the dialog, press enter and these keys."""
    options = pilot.app.screen.query_one(OptionList)
    options.highlighted = options.get_option_index(name)
    await press(pilot, "enter", *keys)


def line(pilot: Pilot[None]) -> str:
    """Return the bottom line."""
    return text(pilot).split("\n")[pilot.app.screen.query_one(KeyLine).region.y]


async def test_a_changed_key_holds_at_once_and_after_the_next_start(gateway: Replay, tmp_path: Path) -> None:
    """The search gets another key, has it after a restart too, and its default key after a reset."""
    async with dashboard(gateway.url, tmp_path) as pilot:
        await press(pilot, "2", "5", "K")
        await change(pilot, "jobs.search", "F")
        assert "F is “find text in prompts and ids” now." in text(pilot)
        assert "came with /" in text(pilot)
        await press(pilot, "escape")
        assert "F  " in next(row for row in text(pilot).split("\n") if "find text in prompts" in row)
        await press(pilot, "2")
        before = line(pilot)
        assert before.index("F Search") < before.index("f Filter") < before.index("s Sort")
        await press(pilot, "slash")
        assert not pilot.app.screen.query_one("#search", Input).display
        await press(pilot, "F")
        assert pilot.app.screen.query_one("#search", Input).display
        assert not app_of(pilot).store.file.exists()
        await press(pilot, "escape", "5", "ctrl+s")
    assert json.loads(settings_file(tmp_path).read_text())["keys"] == {"jobs.search": "F"}
    async with dashboard(gateway.url, tmp_path) as pilot:
        await press(pilot, "2")
        assert "F Search" in line(pilot)
        await press(pilot, "F")
        assert pilot.app.screen.query_one("#search", Input).display
        await press(pilot, "escape", "5", "ctrl+z", "y", "2")
        assert "/ Search" in line(pilot)
        await press(pilot, "slash")
        assert pilot.app.screen.query_one("#search", Input).display
        assert not app_of(pilot).store.file.exists()


async def test_a_taken_key_is_refused_in_words(pilot: Pilot[None]) -> None:
    """The binding that has the key is named and the dialog waits for another; priority bindings do not run."""
    await press(pilot, "5", "K")
    await change(pilot, "jobs.search", "f")
    assert "f is “filter” (jobs)." in text(pilot)
    await press(pilot, "ctrl+p")
    assert "ctrl+p is “command palette: everything by its name” (everywhere)." in text(pilot)
    await press(pilot, "tab")
    assert "tab stays as it is." in text(pilot)
    await press(pilot, "escape")
    assert isinstance(pilot.app.screen, KeysDialog)
    assert app_of(pilot).preferences.keys == {}
    await change(pilot, "everywhere.renew", "R")
    assert "R is text in a field" in text(pilot)
    assert "Press another; esc leaves it." in text(pilot)
    await press(pilot, "f5", "escape")
    assert isinstance(pilot.app.screen, SettingsPage)
    assert key_label(pilot.app, "everywhere.renew") == "f5"


async def test_a_key_is_given_back(pilot: Pilot[None]) -> None:
    """Backspace restores the default key, unless another binding has it."""
    await press(pilot, "5", "K")
    await change(pilot, "jobs.filter", "F")
    await change(pilot, "jobs.sort", "f")
    await change(pilot, "jobs.filter", "escape", "backspace")
    assert "f is “sort by the next column” (jobs). Change that first." in text(pilot)
    await change(pilot, "jobs.sort", "escape", "delete")
    await change(pilot, "jobs.filter", "f")
    assert app_of(pilot).preferences.keys == {}


async def test_pages_and_lists_have_other_keys(gateway: Replay, pilot: Pilot[None]) -> None:
    """Changed keys of pages and lists appear everywhere: bar, bottom line, palette, dialogs."""
    await press(pilot, "5", "K")
    await change(pilot, "everywhere.jobs", "J")
    await change(pilot, "everywhere.down", "u")
    await change(pilot, "everywhere.help", "f1")
    await change(pilot, "dialogs.yes", "Y")
    await press(pilot, "escape")
    assert " J Jobs " in text(pilot).split("\n")[0]
    await press(pilot, "2")
    assert isinstance(pilot.app.screen, SettingsPage)
    await press(pilot, "J", "u", "c")
    assert isinstance(pilot.app.screen, JobsPage) is False
    assert "(Y)" in text(pilot)
    await press(pilot, "n", "enter")
    assert isinstance(pilot.app.screen, JobPage)
    assert pilot.app.screen.job_id == recorded()["running"]
    await press(pilot, "f1")
    assert "u k scroll" in text(pilot)
    await press(pilot, "f1", "1")
    assert " J Jobs " in text(pilot).split("\n")[0]
    await pilot.press("ctrl+p", *"go to jobs")
    await until_text(pilot, "key J")


async def test_the_mouse_changes_keys_in_a_small_terminal(gateway: Replay, tmp_path: Path) -> None:
    """Clicks open the dialog, choose a line and restore its key at 80x24."""
    async with dashboard(gateway.url, tmp_path, NARROW) as pilot:
        await press(pilot, "5")
        await pilot.click("#change-keys")
        await settled(pilot)
        row = next(
            number for number, words in enumerate(text(pilot).split("\n")) if "help: every key" in words
        )
        await pilot.click(offset=(20, row))
        await settled(pilot)
        assert "Press the new key for “help: every key”" in text(pilot)
        await press(pilot, "H")
        assert app_of(pilot).preferences.keys == {"everywhere.help": "H"}
        await pilot.click("#give-back")
        await settled(pilot)
        assert app_of(pilot).preferences.keys == {}
        await pilot.click("#change")
        await settled(pilot)
        assert "Press the new key" in text(pilot)
        await pilot.click("#close")
        await settled(pilot)
        assert isinstance(pilot.app.screen, SettingsPage)
        await press(pilot, "ctrl+r", "question_mark")
        assert pilot.app.screen.query("KeyTable")
        assert pilot.app.screen is not pilot.app.screen_stack[0]


async def test_a_field_gets_what_is_typed(pilot: Pilot[None]) -> None:
    """The button of Generate names its key, which works while the prompt has the focus; letters stay letters."""
    await press(pilot, "3", "escape", "5", "K")
    await change(pilot, "generate.submit", "ctrl+g")
    await change(pilot, "everywhere.quit", "Q")
    await change(pilot, "everywhere.jobs", "f2")
    await press(pilot, "escape", "3")
    assert str(pilot.app.screen.query_one("#submit", Button).label) == "Submit (ctrl+g)"
    await press(pilot, "e", "ctrl+s")
    assert app_of(pilot).messages.latest == []
    await press(pilot, "ctrl+g")
    assert [message.title for message in app_of(pilot).messages.latest] == ["Not sent"]
    await press(pilot, "Q", "q", "f2")
    assert "Qq" in text(pilot)
    await press(pilot, "escape", "q")
    assert pilot.app.is_running
    await press(pilot, "f2")
    assert isinstance(pilot.app.screen, JobsPage)
