"""A folder that may be on a disk of its own, and whether that disk is mounted. See decision 70."""

from __future__ import annotations

import logging
import os
import re
import shlex
from contextlib import suppress
from enum import Enum
from pathlib import Path
from uuid import uuid4

from kinolog.durable_files import claim_durably, locked_folder, write_durably
from kinolog.folder_rights import FolderRights

logger = logging.getLogger(__name__)

MARK = ".kinolog-id"
"""File in the folder with its id, by which it is known on whatever disk."""

ID = re.compile(r"[0-9a-f]{32}")
READABLE = 0o644
SET_ASIDE = "set-aside"
"""Folder with what a restore replaced: in the data folder, and in each folder whose content is on another disk."""

OF_THE_DISK = frozenset({MARK, SET_ASIDE, "lost+found"})
"""Entries of a folder that belong to its disk, and to no server that stores something there."""

OWN_DISK = "own-disk"
"""Word in the note beside a folder that is on another disk than the note."""


class Mount(Enum):
    """Whether what belongs into a folder is there."""

    MOUNTED = "mounted"
    AWAY = "away"
    """Its disk is not mounted."""
    REPLACED = "replaced"
    """Another disk, or another folder, is in its place."""


def nearest_existing(path: Path) -> Path:
    """Return the path, or its nearest parent that is there. What is behind a closed folder counts as missing."""
    return next(folder for folder in (path, *path.parents) if os.path.exists(folder))


def holds_data(path: Path) -> bool:
    """Return whether a folder is there and holds anything but what belongs to its disk."""
    return path.is_dir() and any(entry.name not in OF_THE_DISK for entry in path.iterdir())


def has_own_place(path: Path) -> bool:
    """Return whether the operator chose where the content of a folder is: by a disk mounted at it, or by a link."""
    return path.is_symlink() or os.path.ismount(path)


def note_of(path: Path) -> Path:
    """Return the file beside a folder that has its id: it is there while the disk is away, and at the next start."""
    return path.with_name(f"{path.name}.id")


def how_to_take(path: Path) -> str:
    """Return what an operator does to go on with the other disk that is mounted at a folder."""
    note, mark = shlex.quote(str(note_of(path))), shlex.quote(str(path / MARK))
    return (
        f"To go on with the disk that is mounted at {path} now, copy the files of the other one to it, as far as you "
        f"have them, and then run: cp {note} {mark}"
    )


class MountedFolder:
    """Knows a folder by the id in it, whatever the number of its disk.

    After an unmount the folder is missing, or an empty mount point, on another disk. A folder that was deleted on its
    disk is not away: it is made again, with owner, mode and id. A folder into which this process may not write has no
    id until another process gives it one; until then a disk with another number counts if it is not empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rights = FolderRights(path)
        self._disk: tuple[int, int] | None = None
        """The disk on which the folder was seen last; None if it was away since this process started."""
        self._seen: tuple[int, ...] = ()
        """The file with the id as it was when it was last read."""
        self._id, self._had_own_disk = _noted(note_of(path))
        if not self._id:
            self._id = self._write_id(uuid4().hex)
            self._disk = self._current_disk()
        self.state()

    def state(self) -> Mount:
        """Return whether the folder is there. Make one again that was deleted. Raises `OSError` if nobody can say."""
        mark = self._current_mark()
        if mark and mark == self._seen:
            self._rights.remember()
            return Mount.MOUNTED
        found = self._id_in_folder()
        if found and found == (self._id or found):
            self._note(found, mark)
            return Mount.MOUNTED
        if found and self._was_made_again_as(found):
            self._rights.restore()
            self._note(found, mark)
            return Mount.MOUNTED
        if not self._id:
            return self._state_without_id()
        if not found and self._was_deleted():
            self._restore()
            return Mount.MOUNTED
        if found and self._is_mounted_over():
            logger.warning(
                "a disk with an id is mounted at %s and is used; what is below it is hidden", self.path
            )
            self._note(found, mark)
            return Mount.MOUNTED
        is_replaced = self._has_own_disk() or (bool(found) and not self._had_own_disk)
        return Mount.REPLACED if is_replaced else Mount.AWAY

    def _state_without_id(self) -> Mount:
        disk = self._current_disk()
        if disk != self._disk and not (self.path.is_dir() and any(self.path.iterdir())):
            return Mount.AWAY
        self._disk = disk
        self._rights.remember()
        return Mount.MOUNTED

    def _was_deleted(self) -> bool:
        """Return whether the folder is missing on the disk that it was on."""
        if self._disk is not None:
            return self._current_disk() == self._disk
        return not self._had_own_disk and not self._has_own_disk()

    def _is_mounted_over(self) -> bool:
        """Return whether this process started on the mount point, and the disk with the store came later.

        Without a note nothing else tells; a process that starts now takes the disk too.
        """
        return not self._had_own_disk and self._has_own_disk() and not _noted(note_of(self.path))[0]

    def _was_made_again_as(self, found: str) -> bool:
        """Return whether another process started after the folder and its note were deleted on their disk.

        There is no note where no process may write beside the folder, as in a container.
        """
        return self._current_disk() == self._disk and _noted(note_of(self.path))[0] in ("", found)

    def _restore(self) -> None:
        self._rights.restore()
        if self._write_id(self._id) == self._id:
            self._note(self._id, self._current_mark())
            logger.warning("the folder %s, or the id in it, was deleted and is made again", self.path)

    def _note(self, found: str, mark: tuple[int, ...]) -> None:
        """Remember the folder as it is now, also in the note beside it where this process may write."""
        self._id, self._seen = found, mark
        self._disk = self._current_disk()
        self._had_own_disk = self._has_own_disk()
        self._rights.remember()
        note = note_of(self.path)
        if _noted(note) != (found, self._had_own_disk):
            text = f"{found} {OWN_DISK}\n" if self._had_own_disk else f"{found}\n"
            with suppress(OSError), locked_folder(note.parent):
                write_durably(note, text, mode=READABLE)

    def _write_id(self, new: str) -> str:
        """Give the folder this id unless it has one. Return the one that it has; empty if it cannot have one.

        Of hosts that do so at the same time all return the id of the first, also without locks.
        """
        mark = self.path / MARK
        try:
            with locked_folder(self.path):
                if os.path.lexists(mark) and not self._id_in_folder():
                    write_durably(mark, f"{new}\n", mode=READABLE)  # it is damaged
                elif not os.path.lexists(mark):
                    claim_durably(mark, f"{new}\n", mode=READABLE)
        except FileExistsError:
            logger.debug("another process has given the folder %s its id", self.path)
        except OSError as error:
            logger.debug("the folder %s gets no id: %s", self.path, error)
        return self._id_in_folder()

    def _id_in_folder(self) -> str:
        return _noted(self.path / MARK)[0]

    def _current_mark(self) -> tuple[int, ...]:
        """Return what tells the file with the id from one of another disk or time; empty if there is none."""
        try:
            found = (self.path / MARK).stat()
        except (FileNotFoundError, NotADirectoryError):
            return ()
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

    def _current_disk(self) -> tuple[int, int]:
        """Return the numbers of the disk of the folder, or of its nearest parent that is there."""
        return _disk_of(nearest_existing(self.path))

    def _has_own_disk(self) -> bool:
        """Return whether the folder is there, on another disk than the folder above it."""
        return self.path.is_dir() and _disk_of(self.path) != _disk_of(self.path.parent)


def _disk_of(path: Path) -> tuple[int, int]:
    """Return the number of the device, which the next disk may get too, and that of the file system."""
    return path.stat().st_dev, os.statvfs(path).f_fsid


def _noted(path: Path) -> tuple[str, bool]:
    """Return the id in a file, and whether its folder was on a disk of its own. The id is empty if there is none."""
    try:
        first, *others = path.read_text(encoding="ascii").split() or [""]
    except (FileNotFoundError, NotADirectoryError, PermissionError, UnicodeDecodeError):
        return "", False
    return (first, OWN_DISK in others) if ID.fullmatch(first) else ("", False)
