"""Pauses of the queue: the facts about them, and the book of those that stand. Pure.

The facts are in the stream of those about API keys. Each lane has a subject of its own there, and so has the queue as a
whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kinolog.access.api_key import RecordedAccessCommit

_ID_PREFIX = "queue-"
WHOLE_QUEUE = ""
"""In the place of a priority: jobs of every priority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePaused:
    """No job of a lane starts until it is resumed, or of any lane. `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueResumed:
    """The pause has ended."""


QueueFact: TypeAlias = QueuePaused | QueueResumed


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePause:
    """What is known of the pause of a lane; of the whole queue if `priority` is empty.

    `paused_at` is None if it does not stand. `position` and `hash` are those of the last commit about it.
    """

    priority: str
    position: int
    hash: bytes
    paused_at: datetime | None = None
    paused_by: str = ""
    reason: str = ""


def pause_id(priority: str) -> str:
    """Return the id that the stream knows the pause of a lane by, or that of the whole queue."""
    return f"{_ID_PREFIX}{priority or 'all'}"


_PRIORITIES = {pause_id(each): each for each in (WHOLE_QUEUE, "critical", "high", "medium", "low")}


@dataclass(slots=True)
class QueuePauses:
    """The pauses that the commits so far state."""

    _pauses: dict[str, QueuePause] = field(default_factory=dict)

    def apply(self, recorded: RecordedAccessCommit) -> bool:
        """Note the facts of a commit, in their order. Return whether it is about a pause."""
        commit = recorded.commit
        if commit.key_id not in _PRIORITIES:
            return False
        for fact in commit.events:
            paused = isinstance(fact, QueuePaused)
            self._pauses[commit.key_id] = QueuePause(
                priority=_PRIORITIES[commit.key_id],
                position=recorded.position,
                hash=recorded.digest,
                paused_at=commit.at if paused else None,
                paused_by=commit.actor if paused else "",
                reason=fact.reason if isinstance(fact, QueuePaused) else "",
            )
        return True

    def last(self, priority: str) -> QueuePause | None:
        """Return what is known of the pause of a lane, standing or ended; None if it never had one."""
        return self._pauses.get(pause_id(priority))

    def standing(self) -> list[QueuePause]:
        """Return the pauses that stand: that of the whole queue first, then by priority."""
        found = (self._pauses.get(each) for each in _PRIORITIES)
        return [pause for pause in found if pause is not None and pause.paused_at is not None]

    def is_paused(self, priority: str) -> bool:
        """Return whether jobs of a priority do not start."""
        return any(pause.priority in (WHOLE_QUEUE, priority) for pause in self.standing())
