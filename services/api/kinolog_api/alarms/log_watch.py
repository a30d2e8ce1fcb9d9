"""Notices within seconds, without the projector, that the log lost commits: by the numbers that it states."""

from __future__ import annotations

import asyncio
import logging

from kinolog.counts import counted
from kinolog.ports.alarms import LOG_DAMAGED, LOG_DAMAGED_TEXT, Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.raw_log import RawLog
from kinolog.ports.read_model import ReadModel, ReadModelUnavailable

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0


class LogWatch:
    """Compares what the log states about itself with the archived position, and keeps the alarm `log-damaged`."""

    def __init__(self, log: RawLog, read_model: ReadModel, alarms: Alarms, clock: Clock) -> None:
        self._log = log
        self._read_model = read_model
        self._alarms = alarms
        self._clock = clock

    async def run(self) -> None:
        """Check at intervals, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.check()
            except (LogUnavailable, ReadModelUnavailable) as error:
                logger.debug("the extent of the log is not known now: %s", error)

    async def check(self) -> None:
        """Check once: raise the alarm, or clear it. Raises `LogUnavailable`, `ReadModelUnavailable`."""
        archived = await self._read_model.position()  # first: the log is never behind it
        extent = await self._log.extent()
        problem = ""
        if extent.last < archived:
            problem = (
                f"the log ends at position {extent.last}, but commits up to {archived} were archived: "
                "it has lost its end"
            )
        elif not extent.is_whole:
            problem = (
                f"the log holds {counted(extent.commits, 'commit')} from position {extent.first} to {extent.last}: "
                "commits are missing"
            )
        if not problem:
            await self._alarms.clear(LOG_DAMAGED)
            return
        alarm = Alarm(
            name=LOG_DAMAGED,
            severity=AlarmSeverity.REFUSE_WRITES,
            text=LOG_DAMAGED_TEXT,
            details=problem,
            source=self._alarms.source,
            since=self._clock(),
        )
        await self._alarms.raise_alarm(alarm)
