"""The pauses of the queue, as the stream of facts states them, and the alarm about them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from kinolog.access.access_log import AccessLog
from kinolog.access.queue_pause import QueuePause, QueuePauses
from kinolog.codec.enums import UnknownEvent
from kinolog.job.values import Priority
from kinolog.ports.alarms import Alarm, Alarms, AlarmSeverity
from kinolog.ports.event_store import DamagedLog
from kinolog.process.tasks import keep_running

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""Pause before the stream is followed again after an error."""

ALARM = "queue-paused"
"""Name of the alarm while a pause stands."""


class FollowedQueuePauses:
    """Knows which lanes are paused. No ticket is put into a lane before the pauses are `known`."""

    def __init__(self, log: AccessLog, alarms: Alarms) -> None:
        self._log = log
        self._alarms = alarms
        self._position = 0
        self._pauses = QueuePauses()
        self.known = asyncio.Event()

    def is_paused(self, priority: Priority) -> bool:
        """Return whether jobs of a priority do not start."""
        return self._pauses.is_paused(priority.value)

    async def run(self) -> None:
        """Follow the stream until cancelled. After an error it is followed again."""
        await keep_running("the pauses of the queue", self.follow, RETRY_SECONDS)

    async def follow(self) -> None:
        """Follow the stream until cancelled. Raises `LogUnavailable`, `DamagedLog`, `UnknownEvent`: call it again."""
        try:
            async with aclosing(self._log.read(self._position)) as batches:
                async for batch in batches:
                    for recorded in batch:
                        self._pauses.apply(recorded)
                        self._position = recorded.position
        except (DamagedLog, UnknownEvent) as error:
            logger.error("pauses of the queue may be missing: %s", error)
            self.known.set()  # a stream that cannot be read must not keep jobs from their start
            raise
        self.known.set()
        await self._announce()
        async with aclosing(self._log.follow(self._position)) as batches:
            async for batch in batches:
                about = [self._pauses.apply(recorded) for recorded in batch]
                self._position = batch[-1].position
                if any(about):
                    await self._announce()

    async def _announce(self) -> None:
        """Raise the alarm about the pauses that stand, or clear it."""
        standing = self._pauses.standing()
        if not standing:
            await self._alarms.clear(ALARM)
            return
        await self._alarms.raise_alarm(
            Alarm(
                name=ALARM,
                severity=AlarmSeverity.WARNING,
                text=" ".join(map(_sentence, standing))
                + " New jobs are taken and wait. Operators end the pause: "
                "kinolog queue resume.",
                source=self._alarms.source,
                since=min(pause.paused_at for pause in standing if pause.paused_at is not None),
            )
        )


def _sentence(pause: QueuePause) -> str:
    what = f"Jobs of priority {pause.priority} are paused" if pause.priority else "The queue is paused"
    return f"{what}: {pause.reason.rstrip('.')}." if pause.reason else f"{what}."
