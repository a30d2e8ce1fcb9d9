"""A folder that may be on a disk of its own, and whether that disk is mounted. See docs/running.md."""

from __future__ import annotations

import os
from pathlib import Path


def nearest_existing(path: Path) -> Path:
    """Return the path, or its nearest parent that is there. What is behind a closed folder counts as missing."""
    return next(folder for folder in (path, *path.parents) if os.path.exists(folder))


class MountedFolder:
    """Remembers the disk of a folder.

    After an unmount the folder is missing, or an empty mount point, on another disk. A disk that is mounted again may
    have another number, but it is not empty. A folder that was deleted on its disk is not away.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._device = self._current_device()

    def is_away(self) -> bool:
        """Return whether the disk of the folder is not mounted. Raises `OSError` if nobody can say."""
        device = self._current_device()
        if device == self._device:
            return False
        if not (self._path.is_dir() and any(self._path.iterdir())):
            return True
        self._device = device
        return False

    def _current_device(self) -> int:
        """Return the number of the disk of the folder, or of its nearest parent that is there."""
        return nearest_existing(self._path).stat().st_dev
