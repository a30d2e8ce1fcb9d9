"""`kinolog backup`: copy everything that cannot be rebuilt into a folder, while kinolog runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog.backup.folder import BackupFolder
from kinolog.backup.manifest import UnusableBackup
from kinolog.privacy.master_key_source import load_master_keys
from kinolog.privacy.master_keys import MasterKeyUnusable
from kinolog.process.settings import MasterKeySettings
from kinolog_cli.context import command, current_context, wants_json
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.maintenance.projections import DataOption, JsonOption, run_projector
from kinolog_stack.data_folder import DataFolder
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
    it: keep a copy of secrets/master.key elsewhere. `kinolog restore --from FOLDER` brings everything back.
    """
    place = folder.expanduser().absolute()
    if check:
        return _check(BackupFolder(place), data, as_json)
    return run_projector("backup", data, as_json, "--folder", str(place), *(["--verify"] if verify else []))


def _check(backup: BackupFolder, data: Path | None, as_json: bool) -> ExitCode:
    """Compare every file with its hash. Only the folder is needed: no data folder, no server, no master key.

    A configured master key that does not fit is an error; that of the data folder is only compared.
    """
    try:
        with backup.unchanged():
            manifest = backup.checked_manifest()
    except UnusableBackup as error:
        raise CommandFailed(ExitCode.FAILED, str(error)) from error
    settings = MasterKeySettings()
    configured = any((settings.master_key_file, settings.master_key, settings.master_key_command))
    if not configured:
        own = DataFolder((StackSettings(data=data) if data else StackSettings()).data).master_key
        settings = MasterKeySettings(master_key_file=own)
    try:
        missing = manifest.missing_master_keys(load_master_keys(settings).ids)
    except MasterKeyUnusable as error:
        if configured:
            raise CommandFailed(ExitCode.FAILED, str(error)) from error
        missing = list(manifest.master_keys)
    needed = ", ".join(manifest.master_keys)
    if configured and missing:
        text = (
            f"the files are whole, but the keys are wrapped under master key {needed}, not the configured one"
        )
        raise CommandFailed(ExitCode.FAILED, text)
    context = current_context(wants_json(as_json))
    if context.as_json:
        context.print_json(
            manifest.checked_facts
            | {"master_keys": list(manifest.master_keys), "missing_master_keys": missing}
        )
        return ExitCode.OK
    context.out.print(manifest.checked_text, soft_wrap=True, markup=False)
    if manifest.master_keys:
        state = (
            "not on this machine: name its copy with KINOLOG_MASTER_KEY_FILE to compare it"
            if missing
            else "here"
        )
        context.print_note(f"A restore needs master key {needed}, which is {state}.")
    return ExitCode.OK
