"""Watches the disks of a stack: refuses new jobs before one is full, and restarts nats-server when there is room again.

A stream of nats-server that could not be written stays closed for writes until the server is started again, however
much room there is by then; /healthz says so. Postgres ends by itself, and its supervisor restarts it. See decision 19.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from kinolog.mounted_folder import Mount, how_to_take
from kinolog.ports.alarms import STORAGE_FULL, AlarmSeverity
from kinolog.process.backoff import Backoff
from kinolog.process.logs import fields
from kinolog_stack.disks.disk_space import MEBIBYTE, Disk, StoredPart, mebibytes

LOOK_SECONDS = 1.0

RESTART_BYTES = 8 * MEBIBYTE
"""nats-server is not started again on a disk with less room: the first writes would close its streams again."""

CLEAR_FACTOR = 1.25
"""An alarm is cleared when this many times the reserve is free, so that it does not come and go."""

RESTART_BACKOFF = Backoff(first_seconds=10.0, longest_seconds=300.0)
"""Pauses between restarts that did not help."""

logger = logging.getLogger(__name__)


class AlarmBoard(Protocol):
    """Where alarms are raised."""

    def raise_alarm(self, name: str, severity: AlarmSeverity, text: str, details: str = "") -> None:
        """Raise an alarm, or change its text. Only operators read its details."""

    def clear(self, name: str) -> None:
        """Clear an alarm, if it stands."""


class DiskWatch:
    """One look after the other, in a thread of its own.

    `disks` returns the disks of the stack. `write_error` returns what nats-server says about a stream that it cannot
    write, empty if there is none. `restart_log` starts nats-server again. `mounts` returns of parts whether
    their disk is mounted.
    """

    def __init__(
        self,
        disks: Callable[[], Sequence[Disk]],
        write_error: Callable[[], str],
        restart_log: Callable[[], None],
        alarms: AlarmBoard,
        reserve_bytes: int,
        now: Callable[[], float] = time.monotonic,
        mounts: Callable[[], Mapping[StoredPart, Mount]] = dict,
    ) -> None:
        self._mounts = mounts
        self._unmounted: set[str] = set()
        """Alarms of disks that are not mounted."""
        self._disks = disks
        self._write_error = write_error
        self._restart_log = restart_log
        self._alarms = alarms
        self._reserve_bytes = reserve_bytes
        self._now = now
        self._standing: set[str] = set()
        """Alarms of this watch that stand."""
        self._scarce: set[str] = set()
        """Those of disks that had less room than the reserve, and have not had enough more of it since."""
        self._restarts = 0
        self._next_restart_at = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Look at intervals until `stopping` is set. A look that fails is logged, and the next one follows."""
        while not stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:
                logger.exception("the disks could not be checked")

    def look(self) -> None:
        """Check every disk and the log once."""
        disks = self._disks()
        error = self._write_error()
        for disk in disks:
            holds_log = any(part.slug == "log" for part in disk.parts)
            self._check(disk, error if holds_log else "")
            if holds_log:
                self._heal(disk, error)
        self._check_mounted()

    def _check_mounted(self) -> None:
        """Refuse new jobs while a disk is not mounted: its files would be written below its mount point."""
        unmounted = set()
        for part, mount in self._mounts().items():
            if mount is Mount.MOUNTED:
                continue
            name = f"{STORAGE_FULL}-{part.slug}"
            unmounted.add(name)
            text = _text_of_unmounted(part) if mount is Mount.AWAY else _text_of_replaced(part)
            details = "" if mount is Mount.AWAY else how_to_take(part.folder)
            self._alarms.raise_alarm(name, AlarmSeverity.REFUSE_WRITES, text, details)
            if name not in self._unmounted:
                logger.error("a disk is not mounted", extra=fields("disk", part=part.slug, mount=mount.value))
        for name in self._unmounted - unmounted:
            logger.info("a disk is mounted again", extra=fields("disk", alarm=name))
            if name not in self._standing:
                self._alarms.clear(name)
        self._unmounted = unmounted

    def _check(self, disk: Disk, write_error: str) -> None:
        name = f"{STORAGE_FULL}-{disk.slug}"
        if disk.free_bytes < self._reserve_bytes:
            self._scarce.add(name)
        elif disk.free_bytes >= self._reserve_bytes * CLEAR_FACTOR:
            self._scarce.discard(name)
        if name not in self._scarce and not write_error:
            if name in self._standing:
                self._standing.discard(name)
                self._alarms.clear(name)
                logger.info(
                    "the disk has room again", extra=fields("disk", part=disk.slug, free=disk.free_bytes)
                )
            return
        if name not in self._standing:
            self._standing.add(name)
            logger.error("the disk is full", extra=fields("disk", part=disk.slug, free=disk.free_bytes))
        self._alarms.raise_alarm(
            name, AlarmSeverity.REFUSE_WRITES, self._text(disk, is_scarce=name in self._scarce)
        )

    def _text(self, disk: Disk, *, is_scarce: bool) -> str:
        if not is_scarce:
            return (
                "The event log cannot be written; it is started again as soon as its disk has room. No new jobs are "
                "accepted until then; accepted ones wait and continue by themselves."
            )
        return (
            f"The disk with {disk.text} has {mebibytes(disk.free_bytes)} free; {mebibytes(self._reserve_bytes)} are "
            "kept in reserve (KINOLOG_DISK_RESERVE_BYTES). No new jobs are accepted until it has "
            f"{mebibytes(self._reserve_bytes * CLEAR_FACTOR)}; make room on it. Accepted jobs wait and continue by "
            "themselves."
        )

    def _heal(self, disk: Disk, write_error: str) -> None:
        """Start nats-server again if it gave up writing and there is room."""
        now = self._now()
        if not write_error:
            if now >= self._next_restart_at:
                self._restarts = 0
            return
        if disk.free_bytes < RESTART_BYTES or now < self._next_restart_at:
            return
        self._restarts += 1
        self._next_restart_at = now + RESTART_BACKOFF.seconds(self._restarts)
        logger.warning(
            "nats-server gave up writing and there is room: it is started again",
            extra=fields("log_restart", free=disk.free_bytes, problem=write_error),
        )
        self._restart_log()


def _text_of_unmounted(part: StoredPart) -> str:
    return (
        f"The disk with {part.text} is not mounted. Mount it: no new jobs are accepted until then. Accepted jobs wait "
        "and continue by themselves."
    )


def _text_of_replaced(part: StoredPart) -> str:
    return (
        f"Another disk is mounted in the place of the one with {part.text}. Mount that one: no new jobs are accepted "
        "until then. Accepted jobs wait and continue by themselves. kinolog doctor says how to go on with the other."
    )
