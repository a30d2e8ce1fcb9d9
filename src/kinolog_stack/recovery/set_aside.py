"""Moves what a restore replaces out of the way, on the disk that it is on: nothing is copied, and nothing deleted."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from shutil import copyfile

from kinolog.durable_files import PRIVATE_FILE, PRIVATE_FOLDER, flush_file, flush_folder, make_folder
from kinolog.mounted_folder import OF_THE_DISK, SET_ASIDE, has_own_place

_NOT_MOVABLE = (errno.EXDEV, errno.EBUSY)
"""Error numbers of a rename to another file system, and of one of a mount point."""


class SetAside:
    """What one restore sets aside, below `set-aside/<time of the restore>/`.

    A rename is atomic, needs no room, and works within one disk alone. So a folder goes to the data folder if that is
    on its disk, else to the nearest folder above it that is. What is in a mount point, or behind a link, stays there,
    in a folder `set-aside/` of its own: what is put in its place is stored where the operator wants it.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self.places: list[Path] = []
        """Where everything is now."""

    def move(self, path: Path, name: str = "") -> None:
        """Move a folder or a file away, under this name. Raises `OSError`; what was moved until then is in `places`."""
        name = name or path.name
        if not (has_own_place(path) and path.is_dir()):
            for above in self._above(path):
                if self._renamed(path, self._new_place(above, name)):
                    return
        self._empty(path, name)

    def keep_copy(self, path: Path, name: str) -> None:
        """Copy a small file that is going to be changed. Raises `OSError`."""
        place = self._new_place(self._data, name)
        make_folder(place.parent, mode=PRIVATE_FOLDER, above=PRIVATE_FOLDER)
        copyfile(path, place)
        place.chmod(PRIVATE_FILE)
        flush_file(place)
        flush_folder(place.parent)
        self.places.append(place)

    def _above(self, path: Path) -> Iterator[Path]:
        """Yield the data folder and the folders between it and the path, from the top."""
        yield self._data
        yield from (above for above in reversed(path.parents) if self._data in above.parents)

    def _new_place(self, above: Path, name: str) -> Path:
        """Return a path for this name that is free: a stream may be set aside more than once."""
        folder = above / SET_ASIDE / self._stamp
        names = (name if number == 1 else f"{name}-{number}" for number in count(1))
        return next(place for place in map(folder.joinpath, names) if not os.path.lexists(place))

    def _renamed(self, path: Path, place: Path) -> bool:
        """Rename durably. Return False if the place is on another disk."""
        make_folder(place.parent, mode=PRIVATE_FOLDER, above=PRIVATE_FOLDER)
        try:
            path.rename(place)
        except OSError as error:
            if error.errno not in _NOT_MOVABLE:
                raise
            return False
        flush_folder(place.parent)
        flush_folder(path.parent)
        self.places.append(place)
        return True

    def _empty(self, folder: Path, name: str) -> None:
        """Move what is in a folder to a folder in it. A disk that is mounted within it is emptied likewise."""
        place = self._new_place(folder, name)
        make_folder(place, mode=PRIVATE_FOLDER, above=PRIVATE_FOLDER)
        self.places.append(place)
        for entry in sorted(folder.iterdir()):
            if entry.name in OF_THE_DISK:
                continue
            try:
                entry.rename(place / entry.name)
            except OSError as error:
                if error.errno not in _NOT_MOVABLE or not entry.is_dir():
                    raise
                self._empty(entry, entry.name)
        flush_folder(place)
        flush_folder(folder)
