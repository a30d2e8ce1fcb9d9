"""The folder for a worker's temporary files. Folders of dead workers are removed."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kinolog.durable_files import PRIVATE_FOLDER
from kinolog.process_folders import dead_folders, mark_in_use

logger = logging.getLogger(__name__)

NOTE = ".held-ticket"
"""Files in a worker's folder about the tickets that it holds have this name, or begin with it."""


@dataclass(frozen=True, slots=True)
class DeadWorker:
    """A worker whose process no longer runs, and the notes about the tickets that it held."""

    name: str
    notes: tuple[str, ...] = ()


@contextmanager
def scratch_folder(root: Path, name: str) -> Iterator[Path]:
    """Make a folder for this worker below `root` and remove it at the end. Raises OSError if it cannot be made."""
    root.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    folder = root / name
    folder.mkdir(mode=PRIVATE_FOLDER)
    lock = mark_in_use(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_dead_folders(root: Path) -> list[DeadWorker]:
    """Remove folders whose workers no longer run, and return these workers."""
    dead = []
    for folder in dead_folders(root.glob("*")):
        notes = sorted(folder.glob(f"{NOTE}*"))
        dead.append(DeadWorker(folder.name, tuple(_text(note) for note in notes)))
        shutil.rmtree(folder, ignore_errors=True)
        logger.info("removed the folder of the dead worker %s", folder.name)
    return dead


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
