"""`kinolog restore`: restore a stack that does not run from what is left of it, or from a backup."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kinolog.counts import counted
from kinolog_cli.context import CliContext, command, current_context, wants_json
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.errors import StartError
from kinolog_stack.settings import StackSettings

DataOption = Annotated[Path | None, typer.Option("--data", help="Data folder (KINOLOG_DATA).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


class TrustedCopy(StrEnum):
    """Which copy is right where log and archive are both intact and differ."""

    LOG = "log"
    ARCHIVE = "archive"


@command
def restore(
    data: DataOption = None,
    yes: YesOption = False,
    trust: Annotated[
        TrustedCopy | None,
        typer.Option(help="The copy that is right where log and archive are both intact and differ."),
    ] = None,
    new_database: Annotated[
        bool,
        typer.Option("--new-database", help="Set the folder of Postgres aside and build it from the log."),
    ] = False,
    backup: Annotated[
        Path | None,
        typer.Option("--from", help="Put this backup (kinolog backup) in the place of what is there."),
    ] = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Restore log, archive and read models from what is left of them. kinolog must not run.

    It starts the servers that it needs, says what it found and what it will do, asks, and compares every commit at the
    end. Nothing is deleted: what is replaced is kept in set-aside/ in the data folder, or in the folder itself if that
    is on another disk.
    """
    context = current_context(wants_json(as_json))
    if backup is not None and (trust is not None or new_database):
        raise CommandFailed(
            ExitCode.USAGE, "--from replaces everything; leave --trust and --new-database away"
        )
    from kinolog_stack.recovery.backup_restoration import BackupRestoration
    from kinolog_stack.recovery.restoration import Restoration
    from kinolog_stack.recovery.stopped_stack import StoppedStack

    settings = StackSettings(data=data) if data else StackSettings()

    def say(line: str) -> None:
        print_progress(context, line)

    def agree() -> bool:
        return yes or agreed()

    try:
        with StoppedStack(settings, restores_backup=backup is not None) as stack:
            restoration: Restoration | BackupRestoration
            if backup is not None:
                restoration = BackupRestoration(
                    stack=stack, backup=backup.expanduser().absolute(), say=say, agree=agree
                )
            else:
                trusted = trust.value if trust else ""
                restoration = Restoration(
                    stack=stack, say=say, agree=agree, trust=trusted, new_database=new_database
                )
            restored = restoration.run()
    except StartError as error:
        raise CommandFailed(ExitCode.FAILED, str(error)) from error
    if context.as_json:
        context.print_json(restored.to_json())
    elif not restored.changed:
        context.out.print(
            f"nothing to restore: log, archive and read models agree, {counted(restored.commits, 'commit')}"
        )
    else:
        for job_id in restored.requeued:
            context.out.print(f"job {job_id} is queued again")
        if restored.dropped:
            context.out.print(
                f"no place any more: {counted(len(restored.dropped), 'commit')} of the damaged log"
            )
        context.out.print(
            f"restored: log and archive have the same {counted(restored.commits, 'commit')} "
            f"(hash {restored.hash[:16]})",
            style="bold green",
        )
        for place in restored.set_aside:
            context.out.print(f"what was there before is in {place}", markup=False, soft_wrap=True)
        context.out.print("Start it with: kinolog up")
    return ExitCode.OK


def print_progress(context: CliContext, line: str) -> None:
    """Print what happens on standard error, unless the output is for a program."""
    if not context.as_json:
        context.err.print(line, markup=False)


def agreed() -> bool:
    """Ask whether to go on. Without a terminal the answer is no."""
    if not sys.stdin.isatty():
        raise CommandFailed(ExitCode.USAGE, "there is no terminal to ask at; say --yes")
    return typer.confirm("Go on?", err=True)
