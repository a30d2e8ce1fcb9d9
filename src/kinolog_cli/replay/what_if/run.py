"""`kinolog replay --what-if`: read the jobs of the log, simulate the settings, and print or save what they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.text import Text

from kinolog.counts import counted
from kinolog.simulation.fleet_simulation import RecordedQueue
from kinolog.simulation.wait_summary import ALL, PRIORITY, TENANT, GroupSummary
from kinolog_cli.context import CliContext
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import duration, percent
from kinolog_cli.output.log_bar import log_bar
from kinolog_cli.output.places import checked_place, writes_standard_output
from kinolog_cli.replay.log_source import LogSource
from kinolog_cli.replay.results import Rows, save_result
from kinolog_cli.replay.what_if.outcomes import RECORDED, Outcome, outcomes, tenants_of, wait_rows
from kinolog_cli.replay.what_if.recorded_jobs import RecordedJobs
from kinolog_cli.replay.what_if.setting_text import WhatIf

PICTURES = (".png", ".svg", ".pdf")
TABLES = (".csv", ".json", ".jsonl")
SHOWN_TENANTS = 8
SHOWN_COMMITS = 1_000


def check_output(output: Path | None) -> None:
    """Raise `CommandFailed` for a file that no plot or table can be, or a plot that needs a library."""
    if output is None:
        return
    suffix = output.suffix.lower()
    if suffix not in (*PICTURES, *TABLES):
        raise CommandFailed(
            ExitCode.USAGE,
            f"--output {output}: the name says the format: it must end with {', '.join((*PICTURES, *TABLES))}",
        )
    checked_place(output)
    if suffix in PICTURES and find_spec("matplotlib") is None:
        raise CommandFailed(
            ExitCode.USAGE,
            "a plot cannot be drawn here; install what it needs with: pip install 'kinolog[plot]', or name a .csv",
        )


def replay_what_if(
    context: CliContext, source: LogSource, settings: Sequence[WhatIf], output: Path | None
) -> None:
    """Simulate settings on the jobs of a log. Raises `CommandFailed`, `GatewayError`."""
    jobs = _read(context, source)
    try:
        recorded = jobs.queue()
    except ValueError as error:
        raise CommandFailed(
            ExitCode.REFUSED,
            f"{error} in this part of the log; select more, with --since, --from or --tenant",
        ) from None
    found = outcomes(recorded, settings)
    if output is not None:
        save_result(context, _content(found, output.suffix.lower()), output)
    if context.as_json:
        if output is None:
            for row in wait_rows(found):
                context.print_json(row)
        return
    if output is None or not writes_standard_output(checked_place(output)):
        _print(context, recorded, jobs, found)


def _read(context: CliContext, source: LogSource) -> RecordedJobs:
    jobs, last = RecordedJobs(), 0

    def begin(_: str, last_position: int) -> None:
        nonlocal last
        last = last_position

    with log_bar(context.err, "replaying", (source.selection.first_position or 1) - 1) as show:
        for number, commit in enumerate(source.commits(RecordedJobs.events, begin), 1):
            jobs.apply(commit)
            if number % SHOWN_COMMITS == 0:
                show(commit.position, last)
    return jobs


def _content(found: Sequence[Outcome], suffix: str) -> Rows | bytes:
    """Return what is saved in a file with a suffix: a plot, or rows."""
    if suffix not in PICTURES:
        return [*wait_rows(found)]
    from kinolog_cli.replay.what_if.plot import plotted  # its library is optional and large

    return plotted(found, suffix.removeprefix("."))


def _print(
    context: CliContext, recorded: RecordedQueue, jobs: RecordedJobs, found: Sequence[Outcome]
) -> None:
    out, with_cost = context.out, any(each.price is not None for each in found)
    print_columns(
        out,
        (
            "setting",
            "workers",
            "wait p50",
            "p95",
            "max",
            "makespan",
            "device use",
            *(("cost",) if with_cost else ()),
        ),
        [_setting_row(each, with_cost) for each in found],
    )
    for kind, names in (
        (PRIORITY, list(dict.fromkeys(group.name for group in found[0].groups if group.kind == PRIORITY))),
        (TENANT, tenants_of(found)),
    ):
        if len(names) < 2 and kind == PRIORITY:
            continue
        out.print()
        _print_groups(context, found, kind, names, with_cost)
    for note in _notes(recorded, jobs, found):
        context.print_note(note)


def _print_groups(
    context: CliContext, found: Sequence[Outcome], kind: str, names: Sequence[str], with_cost: bool
) -> None:
    """Print the waits of each group with each setting; of many tenants those that used devices most."""
    rows = []
    for name in names[:SHOWN_TENANTS]:
        for outcome in found:
            group = next((each for each in outcome.groups if (each.kind, each.name) == (kind, name)), None)
            if group is not None:
                rows.append(_group_row(outcome, group, with_cost))
    headings = (kind, "setting", "jobs", "wait p50", "p95", "max", "device time")
    print_columns(context.out, (*headings, *(("cost",) if with_cost else ())), rows)
    if len(names) > SHOWN_TENANTS:
        context.print_note(
            f"{counted(len(names) - SHOWN_TENANTS, 'more tenant')}: --output what-if.csv has all"
        )


def _setting_row(outcome: Outcome, with_cost: bool) -> list[str | Text]:
    group, fleet = next(each for each in outcome.groups if each.kind == ALL), outcome.fleet
    return [
        Text(outcome.name, style="dim" if outcome.name == RECORDED else ""),
        str(fleet.workers),
        *_waits(group),
        duration(fleet.makespan_seconds),
        percent(fleet.used_share),
        *([_money(outcome.cost)] if with_cost else []),
    ]


def _group_row(outcome: Outcome, group: GroupSummary, with_cost: bool) -> list[str | Text]:
    return [
        group.name,
        Text(outcome.name, style="dim" if outcome.name == RECORDED else ""),
        str(group.jobs),
        *_waits(group),
        duration(group.device_seconds),
        *([_money(outcome.cost_of(group))] if with_cost else []),
    ]


def _waits(group: GroupSummary) -> list[str]:
    return [duration(each) or "-" for each in (group.p50_seconds, group.p95_seconds, group.max_seconds)]


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _notes(recorded: RecordedQueue, jobs: RecordedJobs, found: Sequence[Outcome]) -> list[str]:
    """Return how far the simulation can be believed."""
    was, simulated = (next(group for group in each.groups if group.kind == ALL) for each in found[:2])
    notes = []
    if was.mean_seconds is not None and simulated.mean_seconds is not None:
        notes.append(
            f"simulated as it was, jobs wait {duration(simulated.mean_seconds)} at the mean; they waited "
            f"{duration(was.mean_seconds)}"
        )
    open_jobs = sum(not job.outcome or job.outcome == "cancelled" for job in recorded.jobs)
    if open_jobs:
        notes.append(
            f"the work of {counted(open_jobs, 'job')} that did not end, or was cancelled, is estimated"
        )
    if jobs.earlier_jobs:
        notes.append(
            f"{counted(len(jobs.earlier_jobs), 'job')} submitted before this part of the log is left out; begin where "
            "few jobs wait"
        )
    return notes
