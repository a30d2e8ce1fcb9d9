"""The folder for a worker's temporary files. Folders of dead workers are removed."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

LOCK = ".in-use"
"""File in a worker's folder that its process locks for as long as it lives."""
NOTE = ".held-ticket"
"""File in a worker's folder about the ticket that it holds."""


@dataclass(frozen=True, slots=True)
class DeadWorker:
    """A worker whose process no longer runs, and the note about the ticket that it held; empty without one."""

    name: str
    note: str


@contextmanager
def scratch_folder(root: Path, name: str) -> Iterator[Path]:
    """Make a folder for this worker below `root` and remove it at the end. Raises OSError if it cannot be made."""
    root.mkdir(parents=True, exist_ok=True)
    folder = root / name
    folder.mkdir()
    lock = locked_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def locked_folder(folder: Path) -> int:
    """Make a worker's folder if it is missing, and return the descriptor that locks it for as long as it is open.

    The folder above is not made: where it is missing, its disk may be away. Raises OSError.
    """
    folder.mkdir(exist_ok=True)
    draft = folder / f"{LOCK}-draft"
    lock = os.open(draft, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(folder / LOCK)  # locked before another worker can find it
    except OSError:
        os.close(lock)
        raise
    return lock


def remove_dead_folders(root: Path) -> list[DeadWorker]:
    """Remove folders whose workers no longer run, and return these workers."""
    dead = []
    for lock_path in root.glob(f"*/{LOCK}"):
        try:
            with lock_path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                dead.append(DeadWorker(lock_path.parent.name, _text(lock_path.with_name(NOTE))))
                shutil.rmtree(lock_path.parent, ignore_errors=True)
        except OSError:
            continue  # its worker lives, or another worker removes it
        logger.info("removed the folder of the dead worker %s", lock_path.parent.name)
    return dead


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
