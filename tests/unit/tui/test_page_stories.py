"""Stories of what the pages show: lines that keep their widths, hints, names of fields, and keys that do something."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from kinolog_tui.app import KinologApp
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.screens.job.side_panel import JobSidePanel
from kinolog_tui.session.preferences import Preferences, PreferenceStore
from kinolog_tui.text.control_characters import with_certain_widths
from kinolog_tui.widgets.charts.columns import Columns, Series
from kinolog_tui.widgets.theme_styles import CONTRAST, least_contrast
from rich.cells import cell_len
from rich.style import Style
from textual.color import Color
from textual.pilot import Pilot
from textual.widgets import Input, TabbedContent

from tests.snapshot.dashboard_pilot import (
    NARROW,
    app_of,
    dashboard,
    press,
    running,
    settled,
    strips,
    text,
    until_text,
)
from tests.snapshot.environment import fixed_environment, settings_file
from tests.snapshot.replay import Replay, recorded, requests_of

MADE = recorded()["made"]
LIST = "/api/v1/jobs?limit=50"
SEQUENCES = "❤\ufe0f 👩\u200d👩\u200d👧 👍\U0001f3fd 1\ufe0f\u20e3 🏖\ufe0f"
JOINERS = "\u200d\ufe0f\u20e3\U0001f3fd"

pytestmark = pytest.mark.slow


def bottom(pilot: Pilot[None]) -> str:
    """Return the line of the keys."""
    return text(pilot).rstrip("\n").split("\n")[-1]


def look(pilot: Pilot[None], words: str) -> Style:
    """Return the style of the first of these words on the screen."""
    for strip in strips(pilot):
        if words in strip.text:
            start = cell_len(strip.text[: strip.text.index(words)])
            segment = next(iter(strip.crop(start, start + 1)))
            assert segment.style is not None
            return segment.style
    raise AssertionError(f"{words} is not on the screen:\n{text(pilot)}")


def background(pilot: Pilot[None], words: str) -> str:
    """Return the background of the first of these words on the screen."""
    return str(look(pilot, words).bgcolor)


@pytest.mark.parametrize("page", ["1", "2", "6"])
async def test_emojis_shift_no_line(gateway: Replay, tmp_path: Path, page: str) -> None:
    """Sequences of emojis, whose width depends on the terminal, are drawn as one character each."""
    for job in gateway.answers[LIST]["jobs"]:
        job["prompt"] = f"{SEQUENCES} at the end of the world"
    async with dashboard(gateway.url, tmp_path, (140, 40)) as pilot:
        await press(pilot, page)
        assert "❤  👩 👍 1  🏖" in text(pilot)
        for strip in strips(pilot):
            assert not set(JOINERS) & set(strip.text)
            assert sum(map(cell_len, strip.text)) == 140, strip.text


@pytest.mark.parametrize(
    "words", [SEQUENCES, "Zoë", "한국 ❤\ufe0f", "\ufe0f", "a\u200d", "ක්\u200dෂ", "🇩🇪", "plain"]
)
def test_a_text_keeps_its_width(words: str) -> None:
    """What is drawn is as wide as what was laid out. Joined letters, which are no emojis, stay."""
    drawn = with_certain_widths(words)
    assert cell_len(drawn) == cell_len(words)
    assert all(letter in drawn for letter in words if letter.isalpha())


async def test_the_search_names_its_keys(pilot: Pilot[None]) -> None:
    """While a search is typed, the keys that keep and leave it are shown, and none that would be typed."""
    await press(pilot, "2", "slash")
    assert bottom(pilot).split() == ["⏎", "Keep", "esc", "Take", "back"]
    await press(pilot, "escape")
    assert "/ Search" in bottom(pilot)
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    await press(pilot, "slash")
    assert bottom(pilot).startswith(" ⏎ Keep  esc Take back")
    await press(pilot, "escape")
    assert isinstance(pilot.app.screen, JobPage)


async def test_an_empty_list_says_what_to_do(gateway: Replay, tmp_path: Path) -> None:
    """No job matches, or there is none yet. The panel beside the list is empty as well."""
    async with dashboard(gateway.url, tmp_path, (140, 40)) as pilot:
        await press(pilot, "2")
        assert "stages" in text(pilot)
        await press(pilot, "slash", *"nothing")
        assert "no job matches: esc takes the text back" in text(pilot)
        assert "stages" not in text(pilot)
        await press(pilot, "enter")
        assert "no job matches: esc shows all jobs" in text(pilot)
        await press(pilot, "escape")
        assert "no job matches" not in text(pilot)
        assert "stages" in text(pilot)
        gateway.answers[LIST]["jobs"] = []
        await press(pilot, "ctrl+r")
        assert "no job yet: 3 makes a video" in text(pilot)
        assert not {"Open", "Mark", "Erase", "Again"} & set(bottom(pilot).split())
        assert not pilot.app.screen.query_one(JobSidePanel).query("*:focus")


async def test_the_filter_shows_which_list_has_the_keys(pilot: Pilot[None]) -> None:
    """Only the focused list has a cursor."""
    await press(pilot, "2", "f")
    assert background(pilot, "] critical") == background(pilot, "] high")
    assert background(pilot, "] ○ queued") != background(pilot, "] high")
    await press(pilot, "tab")
    assert background(pilot, "] critical") != background(pilot, "] high")


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "nord"])
async def test_the_brackets_of_a_box_can_be_read(pilot: Pilot[None], theme: str) -> None:
    """Ticked or not, with the cursor or without."""
    await press(pilot, "5")
    pilot.app.theme = theme
    await settled(pilot)
    for focused in ("#toasts", "#bell"):
        pilot.app.screen.query_one(focused).focus()
        await settled(pilot)
        for box in ("[x] a word when", "[ ] and a sound"):
            colours = look(pilot, box)
            assert colours.color is not None
            assert colours.bgcolor is not None
            behind = [Color.from_rich_color(colours.bgcolor)]
            assert least_contrast(Color.from_rich_color(colours.color), behind) >= CONTRAST


async def test_the_save_dialog_has_all_its_words(gateway: Replay, tmp_path: Path) -> None:
    """The text of the dialog is wrapped, not cut."""
    async with dashboard(gateway.url, tmp_path, NARROW) as pilot:
        await press(pilot, "4", "x")
        assert "esc leaves" in text(pilot)


async def test_errors_name_the_field_as_the_form_does(pilot: Pilot[None]) -> None:
    """`seconds` is wrong, not `duration`, and nothing is said about a video that cannot be made."""
    await press(pilot, "3", *"fog")
    assert "frames at" in text(pilot)
    pilot.app.screen.query_one("#duration", Input).value = "9999"
    await settled(pilot)
    assert "✖ seconds must be" in text(pilot)
    assert "frames at" not in text(pilot)
    assert "past job" not in text(pilot)
    await press(pilot, "ctrl+s")
    assert "Not sent: seconds must be" in text(pilot)


async def test_an_enlarged_chart_fills_the_page(gateway: Replay, tmp_path: Path) -> None:
    """On a small screen too, and the keys stay."""
    async with dashboard(gateway.url, tmp_path, NARROW) as pilot:
        await press(pilot, "4", "z")
        assert pilot.app.screen.query_one("#trends", Columns).region.height >= 20
        assert "z Enlarge" in bottom(pilot)
        assert "Analytics" in text(pilot).split("\n")[0]
        await press(pilot, "z")
        assert "queue, most at a time" in text(pilot)


async def test_films_say_where_their_prompts_are_cut(gateway: Replay, pilot: Pilot[None]) -> None:
    """A cut prompt ends with dots. Keys of other pages are named only if there are other pages."""
    for job in gateway.answers[LIST]["jobs"]:
        job["prompt"] = "a very long prompt that has no room below its film"
    await press(pilot, "6")
    assert "a very long prompt that…" in text(pilot)
    assert "Older" not in bottom(pilot)
    gateway.answers[LIST]["next_cursor"] = "older"
    await press(pilot, "ctrl+r")
    assert "n Older" in bottom(pilot)


async def test_the_palette_lists_commands_only(pilot: Pilot[None]) -> None:
    """It says that it finds jobs too, and moves no cursors."""
    await press(pilot, "2")
    await pilot.press("ctrl+p")
    await until_text(pilot, "a command, or the first characters of a job's id")
    await pilot.press(*"cursor")
    await settled(pilot)
    assert "cursor down" not in text(pilot)


async def test_the_history_names_one_key_to_verify(pilot: Pilot[None]) -> None:
    """Two keys do the same there; one is enough."""
    app_of(pilot).open_job(MADE)
    await settled(pilot)
    assert "V Verify" in bottom(pilot)
    pilot.app.screen.query_one(TabbedContent).active = "history"
    await settled(pilot)
    assert bottom(pilot).count("Verify") == 1


@pytest.mark.parametrize(("most", "labels"), [(7, ["7", "0"]), (8, ["8", "4", "0"])])
async def test_the_axis_counts_whole_jobs(pilot: Pilot[None], most: int, labels: list[str]) -> None:
    """Half of an odd number of jobs has no label."""
    await press(pilot, "4", "z")
    chart = pilot.app.screen.query_one("#trends", Columns)
    await pilot.resize_terminal(120, 41)  # an even number of lines has one in the middle
    chart.show([datetime.fromisoformat(recorded()["now"])], [Series("jobs", (float(most),), "primary")])
    await settled(pilot)
    lines = text(pilot).split("\n")[chart.region.y + 1 : chart.region.bottom - 2]
    assert [found[0] for line in lines if (found := re.findall(r"(\d+)[┤└]", line))] == labels


async def test_columns_have_keys_only_for_other_lengths(pilot: Pilot[None]) -> None:
    """The shortest columns offer no finer ones, the longest no coarser ones, and another range starts between."""

    def offered() -> set[str]:
        return {name for name in ("Finer", "Coarser") if f" {name} " in bottom(pilot)}

    await press(pilot, "4")
    assert offered() == {"Finer", "Coarser"}
    await press(pilot, "plus")
    assert offered() == {"Coarser"}
    await press(pilot, *["minus"] * 3)
    assert offered() == {"Finer"}
    await press(pilot, "t")
    assert offered() == {"Finer", "Coarser"}


async def test_ctrl_c_names_the_keys_that_quit(pilot: Pilot[None]) -> None:
    """It does not quit, and its message is text without markup."""
    await press(pilot, "2", "ctrl+c")
    assert "✓ q or ctrl+q quits" in text(pilot)


async def test_what_is_not_known_is_not_called_nothing(gateway: Replay, tmp_path: Path) -> None:
    """A dashboard that never reached its server says neither that nothing runs nor that there are no numbers."""
    await gateway.stop()
    with fixed_environment(tmp_path):
        app = KinologApp(gateway.url, store=PreferenceStore(settings_file(tmp_path)))
        async with running(app) as pilot:
            await until_text(pilot, "The server is away")
            assert "nothing" not in text(pilot)
            await pilot.press("4")
            await until_text(pilot, "jobs over time")
            assert "nothing" not in text(pilot)


async def test_a_dashboard_that_only_looks_offers_no_submission(pilot: Pilot[None]) -> None:
    """Generate has neither the button nor the key, until the setting is changed."""
    app = app_of(pilot)
    await press(pilot, "3")
    assert "Submit (ctrl+s)" in text(pilot)
    app.preferences = replace(app.preferences, read_only=True)
    await press(pilot, "escape", "2", "3")
    assert "Submit" not in text(pilot)
    app.preferences = replace(app.preferences, read_only=False)
    await press(pilot, "escape", "2", "3")
    assert "Submit (ctrl+s)" in text(pilot)
    assert "Submit" in bottom(pilot)


@pytest.mark.parametrize("page", ["1", "4"])
async def test_another_refresh_interval_takes_effect_at_once(
    gateway: Replay, tmp_path: Path, page: str
) -> None:
    """A page that was open before the interval was changed follows the new one when it is shown again."""
    PreferenceStore(settings_file(tmp_path)).save(Preferences(refresh_seconds=86_400))
    async with dashboard(gateway.url, tmp_path) as pilot:
        app = app_of(pilot)
        await press(pilot, page, "2")
        app.preferences = replace(app.preferences, refresh_seconds=1)
        await press(pilot, page)

        def loads() -> int:
            return len(requests_of(gateway, "GET", "/api/v1/analytics/trends"))

        before = loads()
        await gateway.until(lambda: loads() >= before + 4)


async def test_a_message_has_the_colour_of_another_theme_at_once(pilot: Pilot[None]) -> None:
    """It is drawn again when the theme changes while it is shown."""
    app_of(pilot).notify("cannot be missed", severity="warning")
    dark = look(pilot, "cannot be missed").color
    await press(pilot, "ctrl+t")
    app_of(pilot).notify("another message", severity="warning")
    light = look(pilot, "another message").color
    assert light != dark
    await press(pilot, "ctrl+t")
    assert look(pilot, "another message").color == dark


async def test_the_bar_of_a_model_is_its_share_of_completed_jobs(gateway: Replay, pilot: Pilot[None]) -> None:
    """All of few jobs fill the bar as all of many do."""
    models = gateway.answers["/api/v1/models"]["models"]
    models.append(models[0] | {"name": "other"})
    counts = {"total": 1, "completed": 1, "queued": 0, "processing": 0, "failed": 0, "cancelled": 0}
    query = "date_range=last_7_days&model=other"
    gateway.answers[f"/api/v1/analytics/status-distribution?{query}"] = counts
    await press(pilot, "4")
    row = next(line for line in text(pilot).split("\n") if "1 of 1" in line)
    assert "░" not in row[: row.index("1 of 1")]
