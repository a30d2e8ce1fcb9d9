"""`kinolog audit export`: the events of many jobs as JSON Lines or Parquet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kinolog.counts import counted
from kinolog_cli.audit_exports.commit_options import (
    ActorOption,
    FromOption,
    SinceOption,
    TenantOption,
    ToOption,
    UntilOption,
    commit_selection,
    whole_job_id,
)
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.log_bar import log_bar
from kinolog_cli.output.places import checked_place, writes_standard_output, writing
from kinolog_client import ExportInterrupted

FORMATS = ("jsonl", "parquet")


@command
def export(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Save it here; - for standard output, as JSON Lines.")
    ],
    job: Annotated[
        str | None, typer.Option("--job", help="Only this job: its id, or the beginning of it.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    first: FromOption = None,
    last: ToOption = None,
    actor: ActorOption = "",
    tenant: TenantOption = "",
    file_format: Annotated[
        str | None,
        typer.Option("--format", help="jsonl or parquet. Else that of the suffix of --output, or jsonl."),
    ] = None,
    prompts: Annotated[
        bool,
        typer.Option("--prompts", help="Export prompts and other texts of users, too; needs the scope read."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Save events of many jobs: JSON Lines, each a CloudEvent 1.0, or Parquet. Continues what was interrupted."""
    context = current_context(as_json)
    chosen = _format_of(output) if file_format is None else file_format.lower()
    if chosen not in FORMATS:
        raise CommandFailed(ExitCode.USAGE, f"--format must be one of {', '.join(FORMATS)}")
    selection = commit_selection(since=since, until=until, first=first, last=last, actor=actor, tenant=tenant)
    place, unreadable = checked_place(output), list[int]()
    before = (selection.first_position or 1) - 1
    with context.client() as client, log_bar(context.err, "exporting", before) as on_progress:
        chosen_commits = replace(selection, job_id=whole_job_id(client, job))
        try:
            with writing(place, "repeat the command to go on, or save it elsewhere"):
                client.export_events(
                    place,
                    chosen_commits,
                    file_format=chosen,
                    prompts=prompts,
                    on_progress=on_progress,
                    on_unreadable=unreadable.append,
                )
        except (ExportInterrupted, ValueError) as error:
            raise CommandFailed(ExitCode.USAGE, str(error)) from error
        except ModuleNotFoundError as error:
            text = "Parquet cannot be written here; install it with: pip install 'kinolog[parquet]'"
            raise CommandFailed(ExitCode.USAGE, text) from error
    if unreadable:
        events = counted(sum(unreadable), "event")
        text = f"{events} with texts that could not be unsealed: data.unreadable_texts names which"
        context.err.print(text, style="yellow", markup=False, soft_wrap=True)
    if writes_standard_output(place):
        return
    if context.as_json:
        context.print_json({"saved": str(place), "format": chosen, "prompts": prompts})
    else:
        context.out.print(f"saved as {place}", markup=False, soft_wrap=True)


def _format_of(output: Path) -> str:
    return "parquet" if output.suffix.lower() in (".parquet", ".pq") else "jsonl"
