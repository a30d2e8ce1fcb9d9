"""`kinolog backup`: copy everything that cannot be rebuilt into a folder, while kinolog runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import command
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.maintenance.projections import DataOption, JsonOption, run_projector


@command
def backup(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the backup; what it has already is not copied again.")
    ],
    data: DataOption = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read again what the backup has already, and replace what is damaged."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Copy nothing: compare every file of the backup with its hash.")
    ] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Back up log, keys, log lines and files into a folder. Run it again to add what is new.

    kinolog may run meanwhile. Keys and files of jobs that were erased since leave the folder. The master key is not in
    it: keep a copy of secrets/master.key elsewhere. `kinolog restore --from FOLDER` brings everything back.
    """
    at = str(folder.expanduser().absolute())
    if check:
        return run_projector("check-backup", data, as_json, "--folder", at)
    return run_projector("backup", data, as_json, "--folder", at, *(["--verify"] if verify else []))
