"""The folder of a new database cluster, which is there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from kinolog.durable_files import PRIVATE_FOLDER, flush_folder, rename_durably
from kinolog.mounted_folder import has_own_place, holds_data
from kinolog_stack.errors import StartError

UNFINISHED = "unfinished"
FINISHED = "finished"
VERSION = "PG_VERSION"
"""File of every cluster. A folder with it is a cluster."""


def make_cluster(folder: Path, initdb: Callable[[Path], None]) -> None:
    """Make a cluster in a folder that is missing or empty. `initdb` makes one in an empty folder that it may own.

    It is made in another folder, beside the real one, and renamed when it is complete. A mount point, a link, and what
    was set aside in the folder stay: then the other folder is within, and its entries are moved up. Raises
    `StartError`, `OSError`.
    """
    finished = folder / f"initdb.{FINISHED}"
    unfinished = folder / f"initdb.{UNFINISHED}"
    if not finished.exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        if holds_data(folder):
            raise StartError(
                f"{folder} is not empty, and not a Postgres folder (no {VERSION}): it is damaged.",
                "Restore it from a backup, or move it away: the read models are rebuilt from the log.",
            )
    if not has_own_place(folder) and not (folder.exists() and any(folder.iterdir())):
        _make_beside(folder, initdb)
        return
    if not finished.exists():
        unfinished.mkdir(mode=PRIVATE_FOLDER)
        initdb(unfinished)
        rename_durably(unfinished, finished)
    folder.chmod(PRIVATE_FOLDER)  # as initdb does with its folder; Postgres refuses one that others may enter
    version = finished / VERSION
    for entry in sorted(finished.iterdir()):
        if entry != version:
            entry.rename(folder / entry.name)
    flush_folder(folder)
    version.rename(folder / VERSION)
    finished.rmdir()
    flush_folder(folder)


def _make_beside(folder: Path, initdb: Callable[[Path], None]) -> None:
    unfinished = folder.with_name(f"{folder.name}.{UNFINISHED}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=PRIVATE_FOLDER)
    initdb(unfinished)
    if folder.exists():
        folder.rmdir()
    rename_durably(unfinished, folder)
