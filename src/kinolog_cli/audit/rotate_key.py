"""`kinolog audit rotate-key`: a new key for heads of the tree."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from kinolog.process.files.head_keys import HeadKeysUnusable
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.servers.tree_key import rotate_tree_key, tree_key_file
from kinolog_stack.settings import StackSettings


@command
def rotate_key(
    data: Annotated[Path | None, typer.Option("--data", help="Data folder (KINOLOG_DATA).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new key for heads of the tree. The earlier ones sign the first head of the new key too, and no other."""
    context = current_context(as_json)
    path = tree_key_file(DataFolder(data or StackSettings().data), os.environ)
    try:
        earlier, present = rotate_tree_key(path)
    except (OSError, HeadKeysUnusable) as error:
        raise CommandFailed(ExitCode.FAILED, f"the key was not changed: {error}") from error
    if context.as_json:
        context.print_json({"file": str(path), "earlier_key_id": earlier.id, "key_id": present.id})
        return
    for line in (
        f"Heads are signed by key {present.id} from now on.",
        f"Key {earlier.id} signs its first head too. Keep a copy of {path} in a safe place.",
    ):
        context.out.print(line, soft_wrap=True, markup=False)
