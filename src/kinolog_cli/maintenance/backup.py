"""`kinolog backup`: copy everything that cannot be rebuilt into a folder, while kinolog runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from kinolog.backup.folder import BackupFolder
from kinolog.backup.manifest import UnusableBackup
from kinolog.privacy.master_keys import MasterKeyUnusable
from kinolog_cli.context import command, current_context, wants_json
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.maintenance.projections import DataOption, JsonOption, run_projector
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.servers.master_key import master_key_choice
from kinolog_stack.settings import StackSettings


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
        bool,
        typer.Option(
            "--check", help="Copy nothing: compare every file with its hash. Needs the folder alone."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Back up log, keys, log lines and files into a folder. Run it again to add what is new.

    kinolog may run meanwhile. Keys and files of jobs that were erased since leave the folder. The master key is not in
    it: keep a copy of secrets/master.key elsewhere. Exit code 1 if the backup lacks something, such as commits that are
    not in the archive yet. `kinolog restore --from FOLDER` brings everything back.
    """
    place = folder.expanduser().absolute()
    if check:
        return _check(BackupFolder(place), data, as_json)
    return run_projector("backup", data, as_json, "--folder", str(place), *(["--verify"] if verify else []))


def _check(backup: BackupFolder, data: Path | None, as_json: bool) -> ExitCode:
    """Compare every file with its hash. Only the folder is needed: no data folder, no server, no master key.

    A backup that lacks commits which the log had when it was made is not all right, although its files are.
    A configured master key that does not fit is an error; that of the data folder is only compared.
    """
    try:
        with backup.unchanged():
            manifest = backup.checked_manifest()
    except UnusableBackup as error:
        raise CommandFailed(ExitCode.FAILED, str(error)) from error
    folder = DataFolder((StackSettings(data=data) if data else StackSettings()).data)
    keys = master_key_choice(folder, os.environ)
    try:
        missing = manifest.missing_master_keys(key.id.hex() for key in keys.read())
    except MasterKeyUnusable as error:
        if keys.is_configured:
            raise CommandFailed(ExitCode.FAILED, str(error)) from error
        missing = list(manifest.master_keys)
    needed = ", ".join(manifest.master_keys)
    if keys.is_configured and missing:
        text = (
            f"the files are whole, but the keys are wrapped under master key {needed}, not the configured one"
        )
        raise CommandFailed(ExitCode.FAILED, text)
    outcome = ExitCode.FAILED if manifest.missing_text else ExitCode.OK
    context = current_context(wants_json(as_json))
    if context.as_json:
        context.print_json(
            manifest.checked_facts
            | {"master_keys": list(manifest.master_keys), "missing_master_keys": missing}
        )
        return outcome
    context.out.print(manifest.checked_text, soft_wrap=True, markup=False)
    if manifest.master_keys:
        state = (
            "not on this machine: name its copy with KINOLOG_MASTER_KEY_FILE to compare it"
            if missing
            else "here"
        )
        context.print_note(f"A restore needs master key {needed}, which is {state}.")
    return outcome
