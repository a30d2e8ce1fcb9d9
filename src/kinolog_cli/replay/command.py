"""`kinolog replay`: the history of a job, the log through a projection of the user, or with other settings.

See decision 140.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.audit_exports.commit_options import (
    ActorOption,
    FromOption,
    SinceOption,
    TenantOption,
    ToOption,
    UntilOption,
    commit_selection,
)
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.places import checked_place
from kinolog_cli.replay.job_history import replay_job
from kinolog_cli.replay.log_source import LogSource
from kinolog_client import CommitSelection

WAYS = "name a job for its history, --with FILE for a projection of your own, or --what-if SETTINGS: docs/replay.md"


@command
def replay(
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOB]", help="Id of the job, or its beginning: its history; of --with, only this job."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME|POSITION",
            help="Stop the history at this time or position: 2026-11-22, with T15:00, or 4711.",
        ),
    ] = None,
    with_file: Annotated[
        Path | None,
        typer.Option(
            "--with", metavar="FILE", help="Replay the log through the projection in this Python file."
        ),
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="SETTINGS",
            help="Simulate the recorded jobs with workers=N, policy=fair|strict|fifo, speed=N, weights=8:4:2:1, "
            "preemptions=N, tenant:NAME=WEIGHT, price=N, separated by commas. May be repeated.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="FILE",
            help="Read the log from an export (.jsonl), a bundle or the folder of a backup, without any service.",
        ),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    first: FromOption = None,
    last: ToOption = None,
    actor: ActorOption = "",
    tenant: TenantOption = "",
    prompts: Annotated[
        bool,
        typer.Option(
            "--prompts", help="Give prompts and other texts to the projection; needs the scope read."
        ),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Go on where the projection ended, and save that here."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Save the result here: rows as .csv, .json or .jsonl, a plot as .png, .svg or .pdf.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a job's history and its state, replay the log through a projection of your own, or simulate the queue."""
    context = current_context(as_json)
    ways = [way for way, is_given in (("--with", with_file), ("--what-if", what_if)) if is_given]
    if len(ways) > 1:
        raise CommandFailed(ExitCode.USAGE, f"--with and --what-if are two commands; {WAYS}")
    way = ways[0] if ways else ""
    selected = commit_selection(since=since, until=until, first=first, last=last, actor=actor, tenant=tenant)
    is_selected = selected != CommitSelection()
    _check_use(
        {
            "--at": (at, ("",)),
            "--state": (state, ("--with",)),
            "--prompts": (prompts, ("--with",)),
            "--actor": (actor, ("--with",)),
            "--output": (output, ("--with", "--what-if")),
            "--log": (log, ("--with", "--what-if")),
            "a selection of commits": (is_selected, ("--with", "--what-if")),
            "a job": (job, ("", "--with")),
        },
        way,
    )
    source = LogSource(
        context=context, path=log, selection=replace(selected, job_id=(job or "").strip()), prompts=prompts
    )
    if what_if:
        from kinolog_cli.replay.what_if.run import check_output, replay_what_if
        from kinolog_cli.replay.what_if.setting_text import parse_what_if

        check_output(output)
        replay_what_if(context, source, [parse_what_if(text) for text in what_if], output)
    elif with_file is not None:
        _replay_with(context, source, with_file, state, output)
    elif job is None:
        raise CommandFailed(ExitCode.USAGE, f"nothing to replay: {WAYS}")
    else:
        replay_job(context, job, at)


def _check_use(options: dict[str, tuple[object, tuple[str, ...]]], way: str) -> None:
    """Raise `CommandFailed` for an option that has no effect in this way of a replay."""
    names = {"": "the history of a job"}
    for option, (value, ways) in options.items():
        if value and way not in ways:
            fits = " and ".join(names.get(each, each) for each in ways)
            raise CommandFailed(
                ExitCode.USAGE, f"{option} is for {fits}, not for {names.get(way, way)}; leave it out"
            )


def _replay_with(
    context: CliContext, source: LogSource, path: Path, state: Path | None, output: Path | None
) -> None:
    """Replay a log through a projection, and print or save what it computed."""
    from kinolog_cli.replay.projection_file import ProjectionFile
    from kinolog_cli.replay.projection_run import ProjectionRun
    from kinolog_cli.replay.results import computed, print_result, save_result

    for place in filter(None, (state, output)):
        checked_place(place)
    file = ProjectionFile(path)
    ProjectionRun(file, source, state).run(context)
    with file.calls("while it returns its result") as projection:
        result = computed(projection.result(), str(path))
    if output is None:
        print_result(context, result)
    else:
        save_result(context, result, output)
