"""The folder in which a worker makes its files; those of workers that died are cleared away."""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

LOCK = ".in-use"
"""Locked by the worker whose folder it lies in, for as long as its process lives."""


@contextmanager
def scratch_folder(root: Path, name: str) -> Iterator[Path]:
    """A folder of this worker's own below `root`, removed in the end. Raises OSError when it cannot be made."""
    root.mkdir(parents=True, exist_ok=True)
    _clear(root)
    folder = root / name
    folder.mkdir()
    draft = folder / f"{LOCK}-draft"
    with draft.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(folder / LOCK)  # locked before anybody looks for it
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(root: Path) -> None:
    """Remove folders whose workers are no longer there."""
    for lock_path in root.glob(f"*/{LOCK}"):
        try:
            with lock_path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock_path.parent, ignore_errors=True)
        except OSError:
            continue  # its worker lives, or another one clears it away
        logger.info("cleared away %s", lock_path.parent.name)
