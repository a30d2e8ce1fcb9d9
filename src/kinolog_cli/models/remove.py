"""`kinolog models remove`: free the room that a model takes."""

from __future__ import annotations

from typing import Annotated

import typer

from kinolog.models.hub.snapshots import remove as remove_snapshot
from kinolog.models.memory.planner import gib
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.models.local_model import NameArgument, local_model


@command
def remove(
    name: NameArgument,
    revision: Annotated[
        str | None, typer.Option(help="Commit, branch or tag; else the one that is used.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Delete a downloaded model, and those of its files that no other revision of it uses. Folders are left alone."""
    context = current_context(as_json)
    model = local_model(name, revision)
    hub = model.hub
    if hub is None:
        raise CommandFailed(
            ExitCode.USAGE,
            f"{name} was not downloaded by kinolog: delete its folder yourself, if nobody needs it",
        )
    if not hub.folder.is_dir():
        raise CommandFailed(ExitCode.NOT_FOUND, f"{name} is not here")
    if not yes and not typer.confirm(
        f"Delete {hub.name} ({gib(model.size_bytes)}) from {hub.cache}?", err=True
    ):
        return ExitCode.CANCELLED
    freed = remove_snapshot(hub)
    if context.as_json:
        context.print_json({"name": model.entry.name, "freed_bytes": freed})
    else:
        context.out.print(f"{hub.name} is deleted; {gib(freed)} are free again", markup=False)
    return ExitCode.OK
