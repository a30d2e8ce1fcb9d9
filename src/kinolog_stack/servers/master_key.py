"""The master key of a stack: a file of its own that `kinolog up` makes, or whatever the settings name.

It lies outside the folders of the servers, so that a copy of the broker's folder unseals nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinolog.durable_files import PRIVATE_FOLDER, create_durably, make_folder, write_durably
from kinolog.privacy.master_key_source import new_master_key, read_master_keys
from kinolog.privacy.master_keys import MasterKey, MasterKeyUnusable
from kinolog.process.settings import MasterKeySettings
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import StartError

FILE_SETTING = "KINOLOG_MASTER_KEY_FILE"
COMMAND_SETTING = "KINOLOG_MASTER_KEY_COMMAND"
SETTINGS = (FILE_SETTING, "KINOLOG_MASTER_KEY", COMMAND_SETTING)
_COMMENT = "# The master key of this kinolog. It wraps the key of every job: keep a copy in a safe place.\n"


class OtherMasterKey(StartError):
    """The data folder belongs to a master key that is not configured."""


@dataclass(frozen=True, slots=True)
class MasterKeyChoice:
    """Where the master keys of a data folder are: the settings of the environment, or the folder's own file."""

    settings: Mapping[str, str]
    is_configured: bool
    """Whether the environment names them."""

    def read(self) -> list[MasterKey]:
        """Return the master keys. Blocks. Raises `MasterKeyUnusable`."""
        values = {name.removeprefix("KINOLOG_").lower(): self.settings.get(name) for name in SETTINGS}
        return read_master_keys(MasterKeySettings.model_validate(values))


def master_key_choice(folder: DataFolder, environ: Mapping[str, str]) -> MasterKeyChoice:
    """Return where the master keys are. Nothing is read or made."""
    given = {name: environ[name] for name in SETTINGS if environ.get(name)}
    settings = given or {FILE_SETTING: str(folder.master_key)}
    if FILE_SETTING in settings:
        settings[FILE_SETTING] = str(Path(settings[FILE_SETTING]).expanduser().absolute())
    return MasterKeyChoice(settings, is_configured=bool(given))


def master_key_env(
    folder: DataFolder, environ: Mapping[str, str], *, of_backup: bool = False
) -> dict[str, str]:
    """Return the settings with which a process of the stack reads the master keys.

    Without a setting it is the file `secrets/master.key` of the data folder. A missing file is made, unless the data
    folder has had a master key: then it is lost. Before a backup is restored (`of_backup`) the keys are those of the
    backup: none is made, and that of the data folder does not matter. Raises `StartError`, `OtherMasterKey`.
    """
    choice = master_key_choice(folder, environ)
    if FILE_SETTING in choice.settings:
        path = Path(choice.settings[FILE_SETTING])
        if not path.exists() and of_backup:
            raise StartError(
                f"there is no master key at {path}; the keys of a backup are wrapped under that of its kinolog.",
                f"Name the place of its copy with {FILE_SETTING}. Nothing was changed.",
            )
        if not path.exists():
            _make(path, folder)
    keys = _read(choice)
    if not of_backup:
        _remember(folder, [key.id.hex() for key in keys])
    if COMMAND_SETTING in choice.settings:
        # It runs once, with everything that the shell gives it. The processes lack the proxies of the shell.
        return {"KINOLOG_MASTER_KEY": ",".join(key.secret.hex() for key in keys)}
    return dict(choice.settings)


def _make(path: Path, folder: DataFolder) -> None:
    if known := _known(folder):
        raise StartError(
            f"the master key {path} is missing; the keys of all jobs in {folder.path} are wrapped under "
            f"master key {known}.",
            f"Restore the file from its backup, or name its place with {FILE_SETTING}. Without it no prompt of these "
            "jobs can be read again.",
        )
    try:
        make_folder(path.parent, mode=PRIVATE_FOLDER)
        with contextlib.suppress(FileExistsError):  # another kinolog that shares the file was quicker
            create_durably(path, f"{_COMMENT}{new_master_key()}\n")
    except OSError as error:
        raise StartError(
            f"the master key {path} cannot be written: {error.strerror or error}.",
            f"Name a place that you may write to with {FILE_SETTING}.",
        ) from error


def _read(choice: MasterKeyChoice) -> list[MasterKey]:
    """Return the configured master keys. Raises `StartError`."""
    try:
        return choice.read()
    except MasterKeyUnusable as error:
        raise StartError(
            f"the master key cannot be used: {error}.", "See docs/running.md, The master key."
        ) from error


def _remember(folder: DataFolder, ids: Sequence[str]) -> None:
    """Write the id of the first master key into the data folder, whole or not at all.

    Raises `OtherMasterKey` if the folder needs another key, `StartError` if it takes no file.
    """
    known = _known(folder)
    if known and known not in ids:
        raise OtherMasterKey(
            f"the keys of all jobs in {folder.path} are wrapped under master key {known}, which is not among the "
            f"configured ones ({', '.join(ids)}).",
            "Restore the master key from its backup. To rotate it, put the new key before the old one.",
        )
    if known == ids[0]:
        return
    try:
        write_durably(folder.master_key_id, f"{ids[0]}\n")
    except OSError as error:
        raise StartError(
            f"the id of the master key cannot be written to {folder.master_key_id}: {error.strerror or error}.",
            "Make room on its disk, and let its folder be written to.",
        ) from error


def _known(folder: DataFolder) -> str:
    """Return the id of the master key that this data folder was last used with; empty for a new folder."""
    return folder.master_key_id.read_text(encoding="ascii").strip() if folder.master_key_id.exists() else ""
