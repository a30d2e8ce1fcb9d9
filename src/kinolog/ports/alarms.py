"""Port: alarms, the standing troubles of any process that every process can see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

KNOWN_SECONDS = 30.0
"""How long an alarm is known after its process announced it for the last time."""

MAX_ALARMS = 100
"""How many alarms of other processes are known at most."""

STORAGE_FULL = "storage-full"
"""Name of the alarm that refuses new jobs because a disk is full or nearly full. Details may follow after a hyphen."""

LOG_DAMAGED = "log-damaged"
"""Name of the alarm that refuses all commands because the log differs from its archive."""


STANDSTILL = "standstill"
"""Name of the alarm about a part that is behind and does not move. The part follows after a hyphen."""


class AlarmSeverity(StrEnum):
    """What an alarm means for the service."""

    WARNING = "warning"
    """The service works, but needs attention."""

    REFUSE_WRITES = "refuse_writes"
    """The service refuses new work until the alarm is cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A trouble that stands. `text` says what is wrong and what to do; `source` is the process that found it.

    `name` consists of lower-case letters, digits and hyphens. An alarm is known by source and name.
    """

    name: str
    severity: AlarmSeverity
    text: str
    source: str
    since: datetime


class Alarms(Protocol):
    """The alarms of all processes. A process that dies takes its alarms with it after `KNOWN_SECONDS`.

    No method raises if the broker is away: an alarm is announced as soon as it is back. Every adapter passes
    tests/contract/test_alarms.py.
    """

    @property
    def source(self) -> str:
        """The name of this process."""
        ...

    async def raise_alarm(self, alarm: Alarm) -> None:
        """Announce an alarm until it is cleared. It replaces the one of the same name, but keeps its `since`."""
        ...

    async def clear(self, name: str) -> None:
        """Withdraw the alarm of this process with this name, if there is one."""
        ...

    async def current(self) -> tuple[Alarm, ...]:
        """Return the known alarms, those that refuse writes first, then by name and source. It never waits."""
        ...


def in_order(alarms: list[Alarm]) -> tuple[Alarm, ...]:
    """Return alarms in the order of `Alarms.current`."""
    return tuple(
        sorted(alarms, key=lambda a: (a.severity is not AlarmSeverity.REFUSE_WRITES, a.name, a.source))
    )


async def is_raised(alarms: Alarms, name: str) -> bool:
    """Return whether an alarm with this name stands, from whatever process."""
    return any(alarm.name == name for alarm in await alarms.current())
