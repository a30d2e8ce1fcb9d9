"""The alarm about a part that stands still: announced while it does, withdrawn when it moves."""

from __future__ import annotations

from kinolog.ports.alarms import STANDSTILL, Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock


class StandstillAlarm:
    """The alarm about one part of this process, such as `live-updates`."""

    def __init__(self, alarms: Alarms, part: str, clock: Clock) -> None:
        self._alarms = alarms
        self._name = f"{STANDSTILL}-{part}"
        self._clock = clock

    async def update(self, problem: str) -> None:
        """Announce `problem`; if it is empty, withdraw the alarm."""
        if not problem:
            await self._alarms.clear(self._name)
            return
        alarm = Alarm(
            name=self._name,
            severity=AlarmSeverity.WARNING,
            text=f"{problem}. It is started again by itself; if this stays, restart {self._alarms.source}",
            source=self._alarms.source,
            since=self._clock(),
        )
        await self._alarms.raise_alarm(alarm)
