"""`kinolog audit verify-all`: compares everything that is stored, where the database is."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import JsonOption, command
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.maintenance.projections import DataOption, run_projector
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.settings import StackSettings


class ComparedFiles(StrEnum):
    """What of files is compared."""

    SIZES = "sizes"
    HASHES = "hashes"


@command
def verify_all(
    files: Annotated[
        ComparedFiles | None,
        typer.Option("--files", help="Compare files too: their sizes, or every byte."),
    ] = None,
    heads: Annotated[
        list[Path] | None,
        typer.Option("--heads", help="Copy of heads.log, or state of a witness, to compare too; repeatable."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Compare log, archive, tree, lists and keys, while kinolog runs. Exit code 1 when they differ.

    The first difference of each is named with its position and its job.
    """
    options = ["--files", files.value] if files else []
    if compared := [*_own_heads(data), *(heads or ())]:
        options += ["--heads", *(str(path.absolute()) for path in compared)]
    return run_projector("verify-all", data, as_json, *options)


def _own_heads(data: Path | None) -> list[Path]:
    """Return the file of heads of the data folder, if one is compared. Other servers name theirs in the environment."""
    if data is None and "KINOLOG_DATABASE_URL" in os.environ:
        return []
    file = DataFolder(data or StackSettings().data).tree_heads
    return [file] if file.exists() else []
