"""The plot of what settings lead to: waits, waits by priority, and the queue over time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from kinolog.durations import length_text
from kinolog.job.values import Priority
from kinolog.simulation.wait_summary import PRIORITY
from kinolog_cli.replay.what_if.outcomes import RECORDED, SIMULATED, Outcome

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that people with any sight of colours tell apart (Okabe and Ito)."""
RECORDED_COLOUR, SIMULATED_COLOUR = "#222222", "#999999"
SHORTEST_SECONDS = 0.1
"""Shorter waits are drawn as this one, because the axis is logarithmic."""
DOTS_PER_INCH = 150
TICKS = (0.1, 1, 10, 60, 600, 3_600, 6 * 3_600, 24 * 3_600, 7 * 24 * 3_600)


def plotted(found: Sequence[Outcome], file_format: str) -> bytes:
    """Return the plot as a file of a format: png, svg or pdf."""
    figure = Figure(figsize=(11, 8.5), layout="constrained")
    grid = figure.add_gridspec(3, 2, height_ratios=(10, 9, 0.5 + 0.9 * (len(found) + 1)))
    waits = figure.add_subplot(grid[0, 0])
    _plot_waits(waits, found)
    _plot_priorities(figure.add_subplot(grid[0, 1]), found)
    _plot_queue(figure.add_subplot(grid[1, :]), found)
    _write_table(figure.add_subplot(grid[2, :]), found)
    jobs = len(found[0].times)
    figure.legend(*waits.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(f"{jobs:,} recorded jobs, and what other settings would have made of them", fontsize=13)
    file = io.BytesIO()
    figure.savefig(file, format=file_format, dpi=DOTS_PER_INCH)
    return file.getvalue()


def _style(index: int, outcome: Outcome) -> dict[str, Any]:
    """Return how the lines of a setting look."""
    if outcome.name == RECORDED:
        return {"color": RECORDED_COLOUR, "linewidth": 2.2}
    if outcome.name == SIMULATED:
        return {"color": SIMULATED_COLOUR, "linewidth": 1.6, "linestyle": (0, (4, 2))}
    return {"color": COLOURS[(index - 2) % len(COLOURS)], "linewidth": 1.8}


def _plot_waits(axes: Axes, found: Sequence[Outcome]) -> None:
    """Plot for each setting which share of the jobs waited at most so long."""
    longest = 1.0
    for index, outcome in enumerate(found):
        waits = sorted(wait for each in outcome.times if (wait := each.wait_seconds) is not None)
        if not waits:
            continue
        longest = max(longest, waits[-1])
        shares = [100 * (number + 1) / len(outcome.times) for number in range(len(waits))]
        shown = [max(SHORTEST_SECONDS, wait) for wait in waits]
        axes.step(
            [SHORTEST_SECONDS, *shown],
            [0.0, *shares],
            where="post",
            label=outcome.name,
            **_style(index, outcome),
        )
    axes.set_xscale("log")
    axes.set_xlim(SHORTEST_SECONDS, longest * 1.3)
    axes.set_ylim(0, 101)
    _time_ticks(axes, longest, axis="x")
    axes.set_title("How many jobs waited at most so long", fontsize=11)
    axes.set_xlabel("wait for the first attempt")
    axes.set_ylabel("jobs, %")
    axes.grid(alpha=0.3)


def _plot_priorities(axes: Axes, found: Sequence[Outcome]) -> None:
    """Plot the 95th percentile of waits of each priority and setting as bars, with the median as a mark."""
    names = [
        priority.value
        for priority in Priority
        if any(group.kind == PRIORITY and group.name == priority.value for group in found[0].groups)
    ]
    width, longest = 0.8 / len(found), 1.0
    for index, outcome in enumerate(found):
        groups = {group.name: group for group in outcome.groups if group.kind == PRIORITY}
        colour = _style(index, outcome)["color"]
        for place, name in enumerate(names):
            group = groups.get(name)
            if group is None or group.p95_seconds is None or group.p50_seconds is None:
                continue
            longest = max(longest, group.p95_seconds)
            at = place + (index - (len(found) - 1) / 2) * width
            height = max(SHORTEST_SECONDS, group.p95_seconds)
            axes.bar(at, height, width * 0.9, color=colour, alpha=0.85, bottom=0)
            axes.plot(
                [at - width * 0.4, at + width * 0.4],
                [max(SHORTEST_SECONDS, group.p50_seconds)] * 2,
                color="white",
                linewidth=2.4,
            )
    axes.set_yscale("log")
    axes.set_ylim(SHORTEST_SECONDS, longest * 1.6)
    _time_ticks(axes, longest, axis="y")
    axes.set_xticks(range(len(names)), names)
    axes.set_title("Waits by priority: 95th percentile, and the median in white", fontsize=11)
    axes.set_ylabel("wait for the first attempt")
    axes.grid(axis="y", alpha=0.3)


def _plot_queue(axes: Axes, found: Sequence[Outcome]) -> None:
    """Plot how many jobs waited at each time."""
    start = found[0].fleet.start
    longest = max(max(outcome.fleet.makespan_seconds for outcome in found), 1.0)
    unit, name = (
        (3_600.0, "hours")
        if longest > 3 * 3_600
        else (60.0, "minutes")
        if longest > 300
        else (1.0, "seconds")
    )
    for index, outcome in enumerate(found):
        changes = sorted(
            change
            for each in outcome.times
            if each.started is not None
            for change in ((each.waits_from, 1), (max(each.started, each.waits_from), -1))
        )
        at, depths, depth = [0.0], [0], 0
        for time, change in changes:
            depth += change
            at.append((time - start) / unit)
            depths.append(depth)
        axes.step(at, depths, where="post", label=outcome.name, **_style(index, outcome))
    axes.set_xlim(0, longest / unit)
    axes.set_ylim(bottom=0)
    axes.set_title("Jobs that waited", fontsize=11)
    axes.set_xlabel(f"{name} since the first job")
    axes.set_ylabel("jobs")
    axes.grid(alpha=0.3)


def _write_table(axes: Axes, found: Sequence[Outcome]) -> None:
    """Write the figures of each setting below the plots."""
    with_cost = any(outcome.cost is not None for outcome in found)
    headings = ["setting", "workers", "wait p50", "p95", "max", "makespan", "device use"]
    rows = []
    for outcome in found:
        group, fleet = outcome.groups[0], outcome.fleet
        waits = [
            "-" if value is None else length_text(value)
            for value in (group.p50_seconds, group.p95_seconds, group.max_seconds)
        ]
        row = [outcome.name, str(fleet.workers), *waits, length_text(fleet.makespan_seconds)]
        row.append(f"{100 * fleet.used_share:.0f} %")
        rows.append([*row, *([f"{outcome.cost or 0:,.2f}"] if with_cost else [])])
    axes.axis("off")
    table = axes.table(
        cellText=rows,
        colLabels=[*headings, *(["cost"] if with_cost else [])],
        colWidths=[0.34, *[0.66 / (len(headings) - 1 + with_cost)] * (len(headings) - 1 + with_cost)],
        cellLoc="right",
        loc="center",
        bbox=Bbox.unit(),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    for (line, column), cell in table.get_celld().items():
        cell.set_edgecolor("#dddddd")
        if line == 0:
            cell.set_text_props(weight="bold")
        if column == 0:
            cell.set_text_props(ha="left")
            cell.PAD = 0.02
            if line:
                cell.get_text().set_color(_style(line - 1, found[line - 1])["color"])


def _time_ticks(axes: Axes, longest: float, *, axis: str) -> None:
    """Name times on a logarithmic axis as people do."""
    which = axes.xaxis if axis == "x" else axes.yaxis
    ticks = [tick for tick in TICKS if tick <= longest * 1.6]
    which.set_ticks(ticks)
    which.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    which.set_ticks([], minor=True)


def _short(seconds: float) -> str:
    for size, unit in ((24 * 3_600, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
