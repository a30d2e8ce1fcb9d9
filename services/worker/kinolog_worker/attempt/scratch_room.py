"""Room for a worker's temporary files: a job starts when there is enough, and waits with its ticket until then."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kinolog.ports.alarms import STORAGE_FULL, Alarm, Alarms, AlarmSeverity
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

SCRATCH_ALARM = f"{STORAGE_FULL}-scratch"
"""Name of the alarm while a job waits for room."""

FIRST_BYTES = 32 << 20
"""Room that a job needs at least."""

LARGEST_SHARE = 0.5
"""A job never waits for more than this share of the whole disk."""

LOOK_SECONDS = 1.0

LEAST_BYTES = 1 << 20
"""A disk with less room is full: an attempt that fails on it fails for that reason."""


class ScratchRoom:
    """Waits for room on the disk of the temporary files. `needed_bytes` doubles when a job ran out of room."""

    def __init__(self, folder: Path, alarms: Alarms, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._alarms = alarms
        self._clock = clock
        self.needed_bytes = FIRST_BYTES

    def suffices(self) -> bool:
        """Return whether there is enough room now."""
        return self._missing_bytes() <= 0

    async def wait(self) -> None:
        """Return when there is enough room. Raises an alarm meanwhile."""
        logger.error("the disk of the temporary files is full: jobs wait", extra=fields("scratch_full"))
        try:
            while (missing := self._missing_bytes()) > 0:
                await self._alarms.raise_alarm(self._alarm(missing))
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._alarms.clear(SCRATCH_ALARM)
        logger.info("the disk of the temporary files has room again", extra=fields("scratch_free"))

    def is_out(self) -> bool:
        """Return whether the disk is full now."""
        return shutil.disk_usage(self._folder).free < LEAST_BYTES

    def ran_out(self) -> None:
        """Note that the last job ran out of room: the next one needs twice as much."""
        self.needed_bytes *= 2

    def sufficed(self) -> None:
        """Note that the room was enough for a job."""
        self.needed_bytes = FIRST_BYTES

    def _missing_bytes(self) -> int:
        usage = shutil.disk_usage(self._folder)
        return min(self.needed_bytes, int(usage.total * LARGEST_SHARE)) - usage.free

    def _alarm(self, missing_bytes: int) -> Alarm:
        return Alarm(
            name=SCRATCH_ALARM,
            severity=AlarmSeverity.WARNING,
            text=(
                f"The disk of the temporary files (KINOLOG_WORKER_SCRATCH) lacks {missing_bytes / (1 << 20):,.0f} MiB "
                f"for the next job of {self._alarms.source}. Make room on it; the job waits and starts by itself."
            ),
            source=self._alarms.source,
            since=self._clock(),
        )
