"""The trouble of a worker whose device is not there: an alarm, and a line in its status (decision 85)."""

from __future__ import annotations

import logging

from kinolog.ports.alarms import Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock
from kinolog.process.logs import fields
from kinolog_worker.reporting.worker_status import WorkerStatus

DEVICE_ALARM = "device-missing"
"""Name of the alarm while a worker takes no job for lack of its device."""

logger = logging.getLogger(__name__)


class DeviceMissing(RuntimeError):
    """The device of this worker is not there."""


class DeviceTrouble:
    """Tells of a missing device until it is there again."""

    def __init__(self, alarms: Alarms, status: WorkerStatus, clock: Clock) -> None:
        self._alarms = alarms
        self._status = status
        self._clock = clock
        self._stands = False

    async def begin(self, missing: DeviceMissing) -> None:
        """Raise the alarm, or raise it again while it stands."""
        if not self._stands:
            logger.error("no job starts: %s", missing, extra=fields("device_missing"))
        self._stands = True
        self._status.set_problem(str(missing))
        source = self._alarms.source
        await self._alarms.raise_alarm(
            Alarm(
                name=DEVICE_ALARM,
                severity=AlarmSeverity.WARNING,
                text=(
                    f"{source} cannot use its device: {missing}. Make it work, or set KINOLOG_WORKER_DEVICE to another "
                    "one; this worker takes no job until then, and goes on by itself."
                ),
                source=source,
                since=self._clock(),
            )
        )

    async def end(self) -> None:
        """Clear the alarm, if it stands."""
        if self._stands:
            self._stands = False
            self._status.set_problem("")
            await self._alarms.clear(DEVICE_ALARM)
