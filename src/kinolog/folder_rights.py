"""Owner and mode of a folder, so that one that was deleted can be made again as it was."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE, S_ISDIR

from kinolog.durable_files import PRIVATE_FOLDER, flush_folder


class FolderRights:
    """Remembers owner and mode of a folder, and of those above it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[Path, os.stat_result] = {}
        self.remember()

    def remember(self) -> None:
        """Take note of what the folders have now. One that is missing changes nothing."""
        for folder in (self._path, *self._path.parents):
            with suppress(OSError):
                self._known[folder] = folder.stat()

    def restore(self) -> None:
        """Make the folder again, and those above it that are missing, as they were; private if they are not known.

        One that is there gets its mode again if it belongs to this user or to its earlier owner. A link, and what
        belongs to others, stays as it is. Raises `OSError`.
        """
        for folder in reversed((self._path, *self._path.parents)):
            if folder != self._path and folder.is_dir():
                continue
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self._give_back(folder)
            flush_folder(folder.parent)

    def _give_back(self, folder: Path) -> None:
        known = self._known.get(folder)
        found = folder.lstat()
        if known is None or not S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), known.st_uid):
            return
        with suppress(PermissionError):  # it stays that of another user
            if S_IMODE(found.st_mode) != S_IMODE(known.st_mode):
                folder.chmod(S_IMODE(known.st_mode))
            if (found.st_uid, found.st_gid) != (known.st_uid, known.st_gid):
                os.chown(folder, known.st_uid, known.st_gid)
                folder.chmod(S_IMODE(known.st_mode))  # a change of the owner clears bits
