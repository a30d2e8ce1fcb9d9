"""Port: alarms, the standing troubles of any process that every process can see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kinolog.ids import without_job_ids
from kinolog.ports.event_store import RESTORE

KNOWN_SECONDS = 30.0
"""How long an alarm is known after its process announced it for the last time."""

MAX_ALARMS = 100
"""How many alarms of other processes are known at most."""

STORAGE_FULL = "storage-full"
"""Name of the alarm that refuses new jobs because a disk is full or nearly full. Details may follow after a hyphen."""

LOG_DAMAGED = "log-damaged"
"""Name of the alarm that refuses all commands because the log differs from its archive."""

LOG_DAMAGED_TEXT = (
    f"The log differs from its archive, and no command is carried out until it is restored. kinolog doctor and the log "
    f"of the process that found it say where. {RESTORE}"
)
"""Text of that alarm."""

DATABASE_DAMAGED = "database-damaged"
"""Name of the alarm about tables or indexes that the projector cannot read. The part follows after a hyphen."""

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

    `name` consists of lower-case letters, digits and hyphens. An alarm is known by source, instance and name. Every
    tenant reads `text`: a text with ids of jobs becomes `details`, and the text is kept without them.
    """

    name: str
    severity: AlarmSeverity
    text: str
    source: str
    since: datetime
    details: str = ""
    """What only operators may read, such as jobs and positions; empty if there is no more to say."""
    instance: str = ""
    """Which of the processes with this source found it, for operators. `Alarms` sets it."""

    def __post_init__(self) -> None:
        text = without_job_ids(self.text)
        if text != self.text:
            details = " ".join(filter(None, [self.text, self.details]))
            object.__setattr__(self, "details", details)
            object.__setattr__(self, "text", text)


class Alarms(Protocol):
    """The alarms of all processes. A process that dies takes its alarms with it after `KNOWN_SECONDS`.

    No method raises if the broker is away: an alarm is announced as soon as it is back. Every adapter passes
    tests/contract/test_alarms.py.
    """

    @property
    def source(self) -> str:
        """The name of this process, which others of its kind share."""
        ...

    async def raise_alarm(self, alarm: Alarm) -> None:
        """Announce an alarm until it is cleared. It replaces the one of the same name, but keeps its `since`."""
        ...

    async def clear(self, name: str) -> None:
        """Withdraw the alarm of this process with this name, if there is one."""
        ...

    async def leave(self) -> None:
        """Announce the alarms of this process once more and forget them: they outlive it by `KNOWN_SECONDS`."""
        ...

    async def current(self) -> tuple[Alarm, ...]:
        """Return the known alarms, those that refuse writes first, then by name, source and instance.

        It never waits.
        """
        ...


def in_order(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Return alarms in the order of `Alarms.current`."""

    def place(alarm: Alarm) -> tuple[bool, str, str, str]:
        return alarm.severity is not AlarmSeverity.REFUSE_WRITES, alarm.name, alarm.source, alarm.instance

    return tuple(sorted(alarms, key=place))


def public_alarms(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Return what every tenant may see of alarms in their order: without details, and one of each source and name."""
    found: dict[tuple[str, str], Alarm] = {}
    for alarm in alarms:
        known = found.get((alarm.source, alarm.name))
        if known is None:
            found[alarm.source, alarm.name] = replace(alarm, details="", instance="")
        elif alarm.since < known.since:
            found[alarm.source, alarm.name] = replace(known, since=alarm.since)
    return tuple(found.values())


async def is_raised(alarms: Alarms, name: str) -> bool:
    """Return whether an alarm with this name stands, from whatever process."""
    return any(alarm.name == name for alarm in await alarms.current())
