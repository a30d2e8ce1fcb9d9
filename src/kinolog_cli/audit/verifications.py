"""`kinolog audit verifications` and its neighbours: comparisons of everything that the service makes, for operators."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from kinolog.counts import counted
from kinolog_cli.audit.verify_all import ComparedFiles
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import local_time
from kinolog_cli.output.log_bar import log_bar
from kinolog_client import KinologClient, VerificationInfo

POLL_SECONDS = 1.0
PLURALS = {"batch": "batches"}
RUNNING, DIFFERS, FAILED, CANCELLED = "running", "differs", "failed", "cancelled"
ENDS = {DIFFERS: ExitCode.FAILED, FAILED: ExitCode.UNREACHABLE, CANCELLED: ExitCode.CANCELLED}
"""Exit codes of what became of a comparison. Every other one is OK."""


@command
def verifications(
    verification_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show this one with its parts; else list the last.")
    ] = None,
    limit: Annotated[int, typer.Option(help="The most to list.", min=1, max=100)] = 20,
    as_json: JsonOption = False,
) -> ExitCode | None:
    """Show comparisons of everything that the service made: who started them, when, and what differs first."""
    context = current_context(as_json)
    with context.client() as client:
        if verification_id is not None:
            return _show(context, client.verification(verification_id))
        found = client.verifications(limit=limit).verifications
    if context.as_json:
        for made in found:
            context.print_json(made.to_json())
    elif found:
        print_columns(
            context.out, ("started", "by", "files", "result", "position", "seconds", "id"), map(_row, found)
        )
    else:
        context.out.print(
            "nothing was compared by the service yet: kinolog audit start-verification", markup=False
        )
    return None


@command
def start_verification(
    files: Annotated[
        ComparedFiles | None,
        typer.Option("--files", help="Compare files too: their sizes, or every byte."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for its end. Ctrl-C leaves it going on.")
    ] = True,
    as_json: JsonOption = False,
) -> ExitCode | None:
    """Have the service compare everything that is stored. Exit code 1 when something differs.

    It goes on by itself, whether or not this command stays.
    """
    context = current_context(as_json)
    with context.client() as client:
        made = client.start_verification(files=files.value if files else "none")
        context.print_note(f"verification {made.verification_id}")
        if wait:
            made = _ended(context, client, made)
    return _show(context, made)


@command
def cancel_verification(
    verification_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Which one; else the one that goes on.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """End a comparison of everything without a result."""
    context = current_context(as_json)
    with context.client() as client:
        if verification_id is None:
            last = client.verifications(limit=1).verifications
            if not last or last[0].state != RUNNING:
                context.print_note("no comparison goes on")
                return
            verification_id = last[0].verification_id
        made = client.cancel_verification(verification_id)
    if context.as_json:
        context.print_json(made.to_json())
    else:
        context.out.print(f"verification {made.verification_id} is cancelled", markup=False, highlight=False)


def _ended(context: CliContext, client: KinologClient, made: VerificationInfo) -> VerificationInfo:
    """Wait until a comparison has ended."""
    with log_bar(context.err, "waiting for the projector", 0) as show:
        while made.state == RUNNING:
            if made.progress is not None:
                show(made.progress.commits, made.progress.all_commits)
            time.sleep(POLL_SECONDS)
            made = client.verification(made.verification_id)
    return made


def _show(context: CliContext, made: VerificationInfo) -> ExitCode:
    if context.as_json:
        context.print_json(made.to_json())
    else:
        for line in _lines(made):
            context.out.print(line, markup=False, highlight=False, soft_wrap=True)
    return ENDS.get(made.state, ExitCode.OK)


def _lines(made: VerificationInfo) -> list[str]:
    began = f"{made.started_by} started it {local_time(made.started_at, '%Y-%m-%d %H:%M:%S')}"
    match made.state:
        case "running":
            progress = made.progress
            far = (
                "it has not begun"
                if progress is None
                else f"{progress.commits:,} of {progress.all_commits:,} commits"
            )
            return [f"{began}; it goes on: {far}"]
        case "cancelled":
            return [f"{began}; {made.cancelled_by} cancelled it"]
        case "failed":
            return [f"{began}; it could not be made: {made.failure}"]
        case _:
            lines = [f"{began}; compared {counted(made.position, 'commit')} in {made.seconds:.1f} s"]
            for part in made.parts:
                at = [f"position {part.position}"] if part.position else []
                job = [f"job {part.job_id}"] if part.job_id else []
                where = f"{', '.join(at + job)}: " if at or job else ""
                result = "ok" if part.holds else f"differs: {where}{part.detail}"
                lines.append(
                    f"  {part.name:<16} {counted(part.count, part.unit, PLURALS.get(part.unit, '')):>20}  {result}"
                )
            return [*lines, "Nothing differs." if made.state != DIFFERS else "Something differs."]


def _row(made: VerificationInfo) -> tuple[str, ...]:
    first = next((part for part in made.parts if not part.holds), None)
    result = made.state if first is None else f"{made.state}: {first.name}"
    return (
        local_time(made.started_at, "%Y-%m-%d %H:%M:%S"),
        made.started_by,
        made.files,
        result,
        f"{made.position:,}" if made.position else "",
        f"{made.seconds:.1f}" if made.seconds else "",
        made.verification_id,
    )
