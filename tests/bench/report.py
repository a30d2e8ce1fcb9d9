"""The report of a run as a table and as JSON, and the comparison of two runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure, Result


def number(value: float) -> str:
    """Return a value with three significant digits, or all of those before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def show(console: Console, results: Sequence[Result]) -> None:
    """Print the table, and the notes under it."""
    table = Table(title="kinolog against raw floors", title_justify="left")
    table.add_column("what", overflow="fold")
    for heading in ("kinolog", "floor", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("aim", no_wrap=True)
    for result in results:
        table.add_section()
        table.add_row(f"[bold]{result.row}[/bold] ({result.durability})")
        for figure in result.figures:
            table.add_row(*_cells(figure))
    console.print(table)
    for result in results:
        for note in result.notes:
            console.print(f"{result.row}: {note}", highlight=False, markup=False)


def document(
    results: Sequence[Result], *, machine: Mapping[str, str], loads: Mapping[str, str]
) -> dict[str, Any]:
    """Return the JSON document of a run."""
    rows = []
    for result in results:
        row = asdict(result)
        for figure_fields, figure in zip(row["figures"], result.figures, strict=True):
            figure_fields["met"] = figure.met
        rows.append(row)
    return {"machine": dict(machine), "load": dict(loads), "rows": rows}


def write(path: Path, run: Mapping[str, Any]) -> None:
    """Write a run's JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def compare(console: Console, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Print the figures that two runs share. Ratios of different machines are comparable; values are not."""
    table = Table(title="old and new", title_justify="left")
    table.add_column("what", overflow="fold")
    for heading in ("old", "new", "change", "old ratio", "new ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    before = dict(_named_figures(old))
    for name, figure in _named_figures(new):
        old_figure = before.get(name)
        if old_figure is not None:
            table.add_row(
                name,
                number(old_figure["value"]),
                number(figure["value"]),
                change(old_figure["value"], figure["value"]),
                _maybe(old_figure["ratio"]),
                _maybe(figure["ratio"]),
            )
    console.print(table)


def change(old: float, new: float) -> str:
    """Return the change of a figure in percent."""
    return f"{(new - old) / old:+.1%}" if old else "-"


def _named_figures(run: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f"{row['row']}: {figure['name']}", figure) for row in run["rows"] for figure in row["figures"]]


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    aim = ""
    if figure.aim is not None:
        bound = number(figure.aim.bound) + (" of floor" if figure.aim.of == "ratio" else "")
        aim = f"[{'green' if figure.met else 'red'}]{figure.aim.sense} {bound}: {'met' if figure.met else 'missed'}"
    return (
        f"  {figure.name}",
        f"{number(figure.value)} {figure.unit}",
        "" if figure.floor is None else f"{number(figure.floor)} {figure.unit}",
        _maybe(figure.ratio),
        aim,
    )


def _maybe(value: float | None) -> str:
    return "" if value is None else number(value)
