"""The content of files while a process runs: they are read again when one is replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from kinolog.process.logs import fields

T = TypeVar("T")
logger = logging.getLogger(__name__)


class FollowedContent(Generic[T]):
    """The content that is in force: that of the last version of the files which could be used."""

    def __init__(
        self,
        what: str,
        files: Sequence[Path],
        read: Callable[[], T],
        unusable: type[Exception],
        *,
        event: str,
    ) -> None:
        """Read the files. Raises what `read` raises, which is an `unusable` for files that cannot be used.

        `what` names the content in messages, and `event` begins the names of events of the process's log.
        """
        self._what = what
        self._event = event
        self._files = tuple(files)
        self._read = read
        self._unusable = unusable
        self._version = self._found_version()
        self.current = read()

    def read_changed(self) -> bool:
        """Read the files again if one was replaced; return whether other content is in force now.

        Of files that cannot be used an error is logged, and the earlier content stays.
        """
        version = self._found_version()
        if version == self._version:
            return False
        self._version = version
        try:
            self.current = self._read()
        except self._unusable as error:
            logger.error(
                "the changed %s is not used, the earlier one stays in force: %s",
                self._what,
                error,
                extra=fields(f"{self._event}_refused"),
            )
            return False
        logger.info("the %s has changed", self._what, extra=fields(f"{self._event}_read"))
        return True

    def _found_version(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_version_of(path) for path in self._files)


def _version_of(path: Path) -> tuple[int, int, int] | None:
    """Return inode, time of the last change in nanoseconds and size of a file, or None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
