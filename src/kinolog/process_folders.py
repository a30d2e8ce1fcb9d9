"""Temporary folders that belong to one process each. The next process removes those whose processes were killed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

LOCK = ".in-use"
"""File in the folder of a process that it locks for as long as it lives."""


def mark_in_use(folder: Path) -> int:
    """Lock the folder of this process. It counts as dead when the returned descriptor is closed.

    Raises `OSError`, also on a file system without locks; then the folder counts as no folder of a process.
    """
    draft = folder / f"{LOCK}-draft"
    lock = os.open(draft, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(folder / LOCK)  # locked before another process can find it
    except OSError:
        os.close(lock)
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    return lock


def dead_folders(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield those whose process no longer runs. Each is locked until the next one, so that one process removes it.

    A folder whose process lives is left out, as is one without a lock file.
    """
    for folder in folders:
        try:
            lock = os.open(folder / LOCK, os.O_RDWR)
        except OSError:
            continue
        try:
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield folder
        finally:
            os.close(lock)
