"""`kinolog watch` and `kinolog logs`: follow a job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.jobs.job_ids import JobArgument, job_id
from kinolog_cli.output.formats import local_time
from kinolog_cli.output.progress_bars import JobProgressBars
from kinolog_client import JobEnded, JobInfo, JobUpdated, KinologClient, LogLineInfo, LogLineReceived

LEVELS = ("debug", "info", "warning", "error")
LEVEL_COLOURS = {"warning": "yellow", "error": "red"}


@command
def watch(job: JobArgument, as_json: JsonOption = False) -> ExitCode:
    """Follow one job live until it has ended; the exit code says how. Ctrl-C leaves the job running."""
    context = current_context(as_json)
    with context.client() as client:
        return BY_JOB_STATUS[watch_job(context, client, job_id(client, job)).status]


def watch_job(context: CliContext, client: KinologClient, job: str) -> JobInfo:
    """Show a job live until it has ended. Return the job as it is then."""
    with going_on(context, job):
        if context.as_json:
            for update in client.watch(job, logs=True):
                context.print_json(update.to_json())
            return client.status(job)
        with JobProgressBars(context.err) as bars:
            for update in client.watch(job):
                if isinstance(update, JobUpdated | JobEnded):
                    bars.show(update.state)
            final = client.status(job)
            bars.show(final)
        return final


@contextmanager
def going_on(context: CliContext, job: str) -> Iterator[None]:
    """Say after Ctrl-C that the job goes on without this command, and how to come back to it or end it."""
    try:
        yield
    except KeyboardInterrupt:
        context.print_note(f"job {job} goes on; follow it: kinolog watch {job}")
        context.print_note(f"or end it: kinolog cancel {job}")
        raise


@command
def logs(
    job: JobArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new lines until the job has ended.")
    ] = False,
    limit: Annotated[int, typer.Option(help="The most lines to begin with, 1 to 1000.")] = 100,
    level: Annotated[
        str | None, typer.Option(help="Least severe level to print: debug, info, warning or error.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print what workers wrote about a job, oldest first."""
    context = current_context(as_json)
    with context.client() as client:
        whole = job_id(client, job)
        page = client.logs(whole, limit=limit, level=level)
        for line in page.entries:
            _print_log_line(context, line)
        if follow:
            with going_on(context, whole):
                _follow_log(context, client, whole, level, last=page.next_after or 0)
        elif not page.entries:
            context.print_note("no log lines: no worker has started the job")


def _follow_log(context: CliContext, client: KinologClient, job: str, level: str | None, last: int) -> None:
    """Print the lines after the sequence number `last` until the job has ended."""
    least = LEVELS.index(level) if level in LEVELS else 0
    for update in client.watch(job, logs=True):
        if isinstance(update, LogLineReceived) and update.line.sequence > last:
            last = update.line.sequence
            if update.line.level not in LEVELS or LEVELS.index(update.line.level) >= least:
                _print_log_line(context, update.line)
    for line in client.logs(job, limit=1_000, after=last, level=level).entries:
        _print_log_line(context, line)  # what was written with the end of the job


def _print_log_line(context: CliContext, line: LogLineInfo) -> None:
    if context.as_json:
        context.print_json(line.to_json())
    else:
        print_log_lines(context.out, [line])


def print_log_lines(console: Console, lines: list[LogLineInfo]) -> None:
    """Print log lines with their time and level."""
    for line in lines:
        time = Text(f"{local_time(line.at, '%H:%M:%S')}  ", style="dim")
        level = Text(f"{line.level:<7}  ", style=LEVEL_COLOURS.get(line.level, "dim"))
        console.print(Text.assemble(time, level, line.message), soft_wrap=True)
