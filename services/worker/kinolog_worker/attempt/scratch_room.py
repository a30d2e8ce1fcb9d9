"""Room for a worker's temporary files: a worker takes a job when there is enough, and none until then."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from errno import ENODEV, EPERM
from pathlib import Path
from stat import S_ISDIR
from weakref import finalize

from kinolog.durable_files import PRIVATE_FOLDER
from kinolog.folder_rights import FolderRights
from kinolog.mounted_folder import nearest_existing
from kinolog.ports.alarms import STORAGE_FULL, Alarm, Alarms, AlarmSeverity
from kinolog.process.logs import fields
from kinolog.process_folders import LOCK, mark_in_use

logger = logging.getLogger(__name__)

SCRATCH_ALARM = f"{STORAGE_FULL}-scratch"
"""Name of the alarm while a worker takes no job for lack of room."""

FIRST_BYTES = 32 << 20
"""Room that a job needs at least."""

LARGEST_SHARE = 0.5
"""A worker never waits for more than this share of the whole disk."""

LOOK_SECONDS = 1.0

LEAST_BYTES = 1 << 20
"""A disk with less room is full: an attempt that fails on it fails for that reason."""


@dataclass(frozen=True, slots=True)
class _Root:
    """The folder above those of the workers, as it was at the start."""

    path: Path
    status: os.stat_result
    rights: FolderRights
    mount_point: Path
    """Where its disk was mounted."""

    @classmethod
    def of(cls, path: Path) -> _Root | None:
        """Return the folder; None if there is none."""
        try:
            if not path.is_dir():
                return None
            above = next(folder for folder in (path, *path.parents) if _is_mount_point(folder))
            return cls(path, path.stat(), FolderRights(path), above)
        except OSError:
            return None

    def restore(self) -> None:
        """Make the folder again if it was deleted, and those above it, with the owners and the modes that they had.

        Raises `OSError` if its disk is away: where it was, there is another disk then. Another disk that is mounted
        there is used, since no temporary file is needed again. A folder of another user, who was quicker, is refused.
        """
        nearest = nearest_existing(self.path)
        found = nearest.stat()
        if found.st_dev != self.status.st_dev and not _is_mount_point(self.mount_point):
            raise OSError(ENODEV, "its disk is not mounted", str(self.path))
        if nearest == self.path:
            if found.st_uid != self.status.st_uid:
                raise OSError(EPERM, "it belongs to another user now", str(self.path))
            return
        self.rights.restore()
        made = self.path.lstat()
        if not S_ISDIR(made.st_mode) or made.st_uid != self.status.st_uid:
            raise OSError(EPERM, "it belongs to another user now", str(self.path))
        logger.warning("the folder above those of the workers was deleted and is made again")


def _is_mount_point(path: Path) -> bool:
    return path == path.parent or (path.is_dir() and path.stat().st_dev != path.parent.stat().st_dev)


class ScratchRoom:
    """Watches the room on the disk of the temporary files. `needed_bytes` doubles when a job ran out of room.

    A worker without room takes no ticket, so that other workers get the jobs. See docs/decisions/0019.
    """

    def __init__(self, folder: Path, alarms: Alarms, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._alarms = alarms
        self._clock = clock
        self._root = _Root.of(folder.parent)
        self.needed_bytes = FIRST_BYTES

    def suffices(self) -> bool:
        """Return whether there is enough room now."""
        return not self.problem()

    async def wait(self) -> None:
        """Return when there is enough room. Raises an alarm meanwhile."""
        logger.error(
            "the disk of the temporary files cannot be used or is full: no job starts",
            extra=fields("scratch_full"),
        )
        try:
            while problem := self.problem():
                await self._alarms.raise_alarm(self._alarm(problem))
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._alarms.clear(SCRATCH_ALARM)
        logger.info("the disk of the temporary files has room again", extra=fields("scratch_free"))

    async def until_short(self) -> None:
        """Return when there is not enough room any more."""
        while self.suffices():  # noqa: ASYNC110 - a disk has no event for its room
            await asyncio.sleep(LOOK_SECONDS)

    def is_out(self) -> bool:
        """Return whether the disk is full now, or cannot be used at all."""
        try:
            return shutil.disk_usage(self._folder).free < LEAST_BYTES
        except OSError:
            return True

    def ran_out(self) -> None:
        """Note that the last job ran out of room: the next one needs twice as much."""
        self.needed_bytes *= 2

    def sufficed(self) -> None:
        """Note that the room was enough for a job."""
        self.needed_bytes = FIRST_BYTES

    def problem(self) -> str:
        """Return why no job can start, with what to do; empty if there is room."""
        try:
            self._restore_folder()
            usage = shutil.disk_usage(self._folder)
        except OSError as error:
            why = error.strerror or type(error).__name__
            return f"cannot be used ({why}). Mount it, or make the folder {self._folder.parent} again"
        missing = min(self.needed_bytes, int(usage.total * LARGEST_SHARE)) - usage.free
        return f"lacks {missing / (1 << 20):,.0f} MiB for a job. Make room on it" if missing > 0 else ""

    def _restore_folder(self) -> None:
        """Make the folder again if it, its lock, or the folder above was deleted. Raises `OSError` without the disk."""
        if not (self._folder / LOCK).exists():
            if self._root is not None:
                self._root.restore()
            self._folder.mkdir(
                PRIVATE_FOLDER, exist_ok=True
            )  # none above it: where that is missing, its disk may be away
            finalize(self, os.close, mark_in_use(self._folder))  # locked while the worker lives
            logger.warning("the folder of the temporary files was deleted and is made again")

    def _alarm(self, problem: str) -> Alarm:
        return Alarm(
            name=SCRATCH_ALARM,
            severity=AlarmSeverity.WARNING,
            text=(
                f"The disk of the temporary files (KINOLOG_WORKER_SCRATCH) of {self._alarms.source} {problem}; "
                "this worker takes no job until then, and goes on by itself."
            ),
            source=self._alarms.source,
            since=self._clock(),
        )
