"""`python -m tests.bench [--rows a,b] [--quick] [--json FILE]`, or `python -m tests.bench compare OLD NEW`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import cast

from rich.console import Console

from tests.bench import machine, report
from tests.bench.figures import Result

ROWS = (
    "submit",
    "append",
    "start",
    "catch_up",
    "verify_all",
    "fan_out",
    "latency",
    "rest",
    "lists",
    "questions",
    "what_if",
    "worker",
    "queue_of_jobs",
    "batches",
    "profiles",
    "dashboard",
    "fair_share",
    "attacks",
    "web_page",
    "strangers",
)
"""Modules of tests.bench, each with `measure(quick) -> Result`."""


def main(arguments: Sequence[str]) -> None:
    """Measure rows and write their figures, or compare two runs."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # it would report every process that is started
    console = Console(width=118)
    if arguments[:1] == ["compare"]:
        old, new = _two_files(arguments[1:])
        report.compare(console, old, new)
        return
    options = _parser().parse_args(arguments)
    rows = [row.strip() for row in options.rows.split(",")] if options.rows else list(ROWS)
    unknown = sorted(set(rows) - set(ROWS))
    if unknown:
        sys.exit(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    facts, loads = machine.facts(), {"before": machine.load()}
    results = []
    for row in rows:
        console.print(f"measuring {row} …", highlight=False)
        results.append(_measured(row, options.quick))
        report.show(console, results[-1:])
    loads["after"] = machine.load()
    if len(results) > 1:
        report.show(console, results)
    report.write(options.json, report.document(results, machine=facts, loads=loads))
    console.print(f"load before {loads['before']}, after {loads['after']}; written to {options.json}")


def _measured(row: str, quick: bool) -> Result:
    measure = cast(Callable[[bool], Result], import_module(f"tests.bench.{row}").measure)
    started = perf_counter()
    result = measure(quick)
    return replace(result, seconds=perf_counter() - started)


def _two_files(arguments: Sequence[str]) -> tuple[dict[str, object], dict[str, object]]:
    parser = argparse.ArgumentParser(prog="python -m tests.bench compare")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args(arguments)
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (options.old, options.new))
    return old, new


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", default="", help=f"some of {','.join(ROWS)}; all of them otherwise")
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter readings: to try the bench out"
    )
    parser.add_argument(
        "--json", type=Path, default=Path("build/bench.json"), help="where to write the figures"
    )
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
