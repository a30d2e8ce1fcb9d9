"""Alarms about parts of a process: announced while a part has a problem, withdrawn when it has none."""

from __future__ import annotations

from kinolog.ports.alarms import STANDSTILL, Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock


class ProblemAlarm:
    """An alarm whose words follow from a problem."""

    def __init__(self, alarms: Alarms, name: str, clock: Clock) -> None:
        self._alarms = alarms
        self._name = name
        self._clock = clock

    def text(self, problem: str) -> str:
        """Return what all callers are told."""
        return problem

    def details(self, problem: str) -> str:
        """Return what only operators are told."""
        return ""

    async def update(self, problem: str) -> None:
        """Announce `problem`; if it is empty, withdraw the alarm."""
        if not problem:
            await self._alarms.clear(self._name)
            return
        alarm = Alarm(
            name=self._name,
            severity=AlarmSeverity.WARNING,
            text=self.text(problem),
            details=self.details(problem),
            source=self._alarms.source,
            since=self._clock(),
        )
        await self._alarms.raise_alarm(alarm)


class StandstillAlarm(ProblemAlarm):
    """The alarm about a part that stands still, such as `live-updates`."""

    def __init__(self, alarms: Alarms, part: str, clock: Clock) -> None:
        super().__init__(alarms, f"{STANDSTILL}-{part}", clock)

    def text(self, problem: str) -> str:
        """Say what helps if the part does not recover."""
        return f"{problem}. It is started again by itself; if this stays, restart {self._alarms.source}"
