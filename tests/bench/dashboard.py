"""The terminal dashboard on 1,000,000 jobs of which 50 run: keys, rest, first paint; against a bare table."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from tests.bench import lists, site
from tests.bench.figures import Aim, Figure, Result, percentile
from tests.bench.pressed_keys import Reading, press_keys, showing, steps
from tests.bench.running_jobs import (
    COMMITS_PER_SECOND,
    RUNNING,
    STEPS_PER_SECOND,
    checkpoint_before_log,
    jobs_running,
)
from tests.fixtures.servers import temporary_folder
from tests.fixtures.terminal import Terminal

SIZES, QUICK_SIZES = (100_000, 1_000_000), (10_000,)
AIM_JOBS = 1_000_000
AIM_KEY_MS, AIM_REST_PERCENT, AIM_FIRST_SECONDS = 50.0, 15.0, 1.0


def measure(quick: bool) -> Result:
    """Measure keys, rest and first paint. Keys are timed until their effect is on the terminal's screen."""
    figures: list[Figure] = []
    with site.running(set()) as stack, lists.stored_postgres() as server:
        smaller = ""
        for jobs in QUICK_SIZES if quick else SIZES:
            name = f"seeded_{jobs}"
            server.create_database(name, template=smaller or None, exist_ok=True)
            uvloop.run(lists.seed_database(server.url(name), jobs))
            smaller = name
            if jobs < AIM_JOBS and not quick:
                continue  # the larger one begins as its copy
            with (
                checkpoint_before_log(server.url(name)),
                site.api_on(stack, server.url(name)) as target,
                site.gateway_on(target) as url,
                jobs_running(stack, target, server.url(name)),
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
    command = (sys.executable, "-m", "kinolog_cli.app", "tui")
    bare = (sys.executable, "-m", "tests.bench.bare_table")
    paints = [
        (_seconds_to_paint(bare, env, "status 0"), _seconds_to_paint(command, env, "Dashboard"))
        for _ in range(5)
    ]
    with Terminal(bare, env) as floor:
        floor.until(showing("status 0"), floor.started)
        floors = steps(floor, 1, presses)
    with Terminal(command, env) as terminal:
        terminal.until(lambda screen: "● live" in screen.line(0), terminal.started)
        rest = terminal.share_of_core(seconds)
        terminal.press("2", showing("1–50 of"))
        keys = press_keys(terminal, presses)
        busy = terminal.share_of_core(seconds)
    every = [reading for readings in keys.values() for reading in readings]
    found = [_paint_figure(f"{jobs:,}: {name}", readings, floors, 0.95) for name, readings in keys.items()]
    found.append(_paint_figure(f"{jobs:,}: all keys", every, floors, 0.5))
    found.append(_paint_figure(f"{jobs:,}: all keys", every, floors, 0.95, Aim("value", "below", AIM_KEY_MS)))
    at_rest = Aim("value", "below", AIM_REST_PERCENT)
    first, floor_first = (percentile([pair[side] for pair in paints], 0.5) for side in (1, 0))
    within = Aim("value", "below", AIM_FIRST_SECONDS)
    return [
        *found,
        _processor_figure(f"{jobs:,}: all keys", every, floors),
        Figure(f"{jobs:,}: at rest, dashboard", "% of a core", rest, aim=at_rest),
        Figure(f"{jobs:,}: at rest, jobs", "% of a core", busy, aim=at_rest),
        Figure("start to first paint", "s", first, floor_first, first / floor_first, within),
    ]


def _seconds_to_paint(command: Sequence[str], env: dict[str, str], words: str) -> float:
    """Return the seconds from the start of the process until these words are on the screen."""
    with Terminal(command, env) as terminal:
        return terminal.until(showing(words), terminal.started)


def _paint_figure(
    name: str, ours: Sequence[Reading], floors: Sequence[Reading], share: float, aim: Aim | None = None
) -> Figure:
    value, floor = (percentile([1e3 * one.seconds for one in side], share) for side in (ours, floors))
    return Figure(f"{name}, key to paint, p{share * 100:.0f}", "ms", value, floor, value / floor, aim)


def _processor_figure(name: str, ours: Sequence[Reading], floors: Sequence[Reading]) -> Figure:
    """Return the processor time of the program. The rest of the time it waits for its next frame or for a core."""
    value, floor = (percentile([1e3 * one.worked_seconds for one in side], 0.95) for side in (ours, floors))
    return Figure(f"{name}, processor time, p95", "ms", value, floor, value / floor)
