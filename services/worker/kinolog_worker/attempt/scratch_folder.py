"""The folder for a worker's temporary files. Folders of dead workers are removed."""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

LOCK = ".in-use"
"""File in a worker's folder that its process locks for as long as it lives."""


@contextmanager
def scratch_folder(root: Path, name: str) -> Iterator[Path]:
    """Make a folder for this worker below `root` and remove it at the end. Raises OSError if it cannot be made."""
    root.mkdir(parents=True, exist_ok=True)
    _remove_dead_folders(root)
    folder = root / name
    folder.mkdir()
    draft = folder / f"{LOCK}-draft"
    with draft.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(folder / LOCK)  # locked before another worker can find it
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_dead_folders(root: Path) -> None:
    """Remove folders whose workers no longer run."""
    for lock_path in root.glob(f"*/{LOCK}"):
        try:
            with lock_path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock_path.parent, ignore_errors=True)
        except OSError:
            continue  # its worker lives, or another worker removes it
        logger.info("removed the folder of the dead worker %s", lock_path.parent.name)
