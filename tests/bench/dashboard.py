"""The terminal dashboard on 1,000,000 jobs of which 50 run: keys, rest, first paint; against a bare table."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from tests.bench import lists, site
from tests.bench.figures import Aim, Figure, Result, percentile
from tests.bench.running_jobs import COMMITS_PER_SECOND, RUNNING, STEPS_PER_SECOND, lent_rows, living
from tests.fixtures.screen import Screen
from tests.fixtures.servers import temporary_folder
from tests.fixtures.terminal import Terminal

SIZES, QUICK_SIZES = (100_000, 1_000_000), (10_000,)
AIM_JOBS = 1_000_000
AIM_KEY_MS, AIM_REST_PERCENT, AIM_FIRST_SECONDS = 50.0, 15.0, 1.0
FIRST_ROW = 4
"""Screen row of the first job: bar, chips and the table's headings stand above it."""
CURSOR_COLUMN = 30


def measure(quick: bool) -> Result:
    """The row. Frames are timed in the terminal, from the key to the moment that its effect is on the screen."""
    figures: list[Figure] = []
    with site.running(set()) as stack, lists._kept_postgres() as server:
        smaller = ""
        for jobs in QUICK_SIZES if quick else SIZES:
            name = f"seeded_{jobs}"
            server.create_database(name, template=smaller or None, exist_ok=True)
            uvloop.run(lists._seed(server.url(name), jobs))
            smaller = name
            if jobs < AIM_JOBS and not quick:
                continue  # the larger one begins as its copy
            with (
                lent_rows(server.url(name)) as shown,
                site.api_on(stack, server.url(name)) as target,
                site.gateway_on(target) as url,
                living(stack, target, shown),
                temporary_folder() as folder,
            ):
                figures += _figures(url, folder, jobs, 15 if quick else 60, 8.0 if quick else 30.0)
    notes = (
        f"{RUNNING} jobs run: {STEPS_PER_SECOND} step a second each, {COMMITS_PER_SECOND} commits a second together; "
        "in a pseudo terminal of 120x40, read by this process",
        "the floor: a table of 50 rows in Textual that nothing changes",
    )
    return Result("dashboard", "only reads", tuple(figures), notes)


def _figures(url: str, folder: Path, jobs: int, presses: int, seconds: float) -> list[Figure]:
    env = dict(os.environ) | {
        "KINOLOG_URL": url,
        "KINOLOG_TUI_SETTINGS": str(folder / "tui.json"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PYTHONPATH": str(site.ROOT),
    }
    command = (sys.executable, "-m", "kinolog.cli.app", "tui")
    bare = (sys.executable, "-m", "tests.bench.bare_table")
    firsts = [(_first(bare, env, "status 0"), _first(command, env, "Dashboard")) for _ in range(5)]
    with Terminal(bare, env) as floor:
        floor.until(lambda screen: "status 0" in screen.text(), floor.started)
        floors = sorted(_steps(floor, 1, presses))
    with Terminal(command, env) as terminal:
        terminal.until(lambda screen: "● live" in screen.line(0), terminal.started)
        rest = terminal.share_of_core(seconds)
        terminal.press("2", lambda screen: "1–50" in screen.text())
        keys = _keys(terminal, presses)
        busy = terminal.share_of_core(seconds)
    floor_ms = [1e3 * one for one in floors]
    every = [1e3 * one for readings in keys.values() for one in readings]
    found = [
        _key(f"{jobs:,}: {name}", [1e3 * one for one in readings], floor_ms)
        for name, readings in keys.items()
    ]
    aim = Aim("value", "below", AIM_KEY_MS)
    found.append(_key(f"{jobs:,}: all keys", every, floor_ms, aim))
    at_rest = Aim("value", "below", AIM_REST_PERCENT)
    first = percentile([ours for _, ours in firsts], 0.5), percentile([below for below, _ in firsts], 0.5)
    return [
        *found,
        Figure(f"{jobs:,}: at rest, dashboard", "% of a core", rest, aim=at_rest),
        Figure(f"{jobs:,}: at rest, jobs", "% of a core", busy, aim=at_rest),
        Figure(
            "start to first paint", "s", *first, first[0] / first[1], Aim("value", "below", AIM_FIRST_SECONDS)
        ),
    ]


def _first(command: Sequence[str], env: dict[str, str], words: str) -> float:
    """Seconds from the start of the process until these words are on the screen."""
    with Terminal(command, env) as terminal:
        return terminal.until(lambda screen: words in screen.text(), terminal.started)


def _key(name: str, ours: Sequence[float], floors: Sequence[float], aim: Aim | None = None) -> Figure:
    value, floor = percentile(ours, 0.95), percentile(floors, 0.95)
    return Figure(f"{name}, key to paint, p95", "ms", value, floor, value / floor, aim)


def _keys(terminal: Terminal, presses: int) -> dict[str, list[float]]:
    """Seconds from key to paint, by what the key does."""
    readings: dict[str, list[float]] = {
        "cursor": _steps(terminal, FIRST_ROW - 1, presses),
        "page of the list": [],
        "other page": [],
        "search line": [],
    }
    for _ in range(presses // 3):
        readings["page of the list"].append(terminal.press("n", lambda screen: "51–100" in screen.text()))
        readings["page of the list"].append(terminal.press("p", lambda screen: "1–50" in screen.text()))
        readings["other page"].append(terminal.press("1", lambda screen: "activity" in screen.text()))
        readings["other page"].append(terminal.press("2", lambda screen: "created at" in screen.text()))
        readings["search line"].append(
            terminal.press("/", lambda screen: "text in the prompt" in screen.text())
        )
        terminal.press(
            "\x1b", lambda screen: "text in the prompt" not in screen.text()
        )  # waits for more keys
    return readings


def _steps(terminal: Terminal, top: int, presses: int) -> list[float]:
    """The cursor goes down row by row, and up again; each time until the row below is the lit one."""
    readings = []
    terminal.press("\x1b[H", lambda screen: _lit(screen, top))
    down, up = "\x1b[B", "\x1b[A"
    room = min(20, presses)
    for number in range(presses):
        place = number % (2 * room)
        row = place + 1 if place < room else 2 * room - place - 1
        key = down if place < room else up
        readings.append(terminal.press(key, lambda screen, row=row: _lit(screen, top + row)))  # type: ignore[misc]
        terminal.idle(0.05)
    return readings


def _lit(screen: Screen, row: int) -> bool:
    """Whether the row stands out from the rows around it."""
    here = screen.background(row, CURSOR_COLUMN)
    others = {screen.background(near, CURSOR_COLUMN) for near in (row - 1, row + 1, row + 2)}
    return bool(here) and here not in others
