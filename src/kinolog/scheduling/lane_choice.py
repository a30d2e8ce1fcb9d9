"""Choose the next lane of tickets: higher priorities more often, every lane eventually. Pure.

A lane is the queue of one priority. Lanes share by weighted fair queuing: serving a lane advances it by 1/weight of
virtual time, and the lane whose next turn ends first is tried first. So under load the lanes are served in the ratio
of their weights, interleaved; an empty lane neither saves turns nor owes any. A lane that is not served ages: its
weight doubles every `ageing_seconds`, up to that of the heaviest lane. The caller passes the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kinolog.job.values import Priority

PREFETCH_LANE = "prefetch"
"""The lane of prefetches. They are short and a client waits for them, so it is as heavy as the heaviest priority."""

WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        Priority.CRITICAL.value: 8,
        Priority.HIGH.value: 4,
        Priority.MEDIUM.value: 2,
        Priority.LOW.value: 1,
        PREFETCH_LANE: 8,
    }
)
LANES = tuple(WEIGHTS)
"""The names of all lanes: the priorities, and `prefetch`."""

AGEING_SECONDS = 600.0
_MAX_DOUBLINGS = 30


class LaneChoice:
    """Keeps the turns and ages of the lanes between choices."""

    def __init__(self, weights: Mapping[str, int] = WEIGHTS, ageing_seconds: float = AGEING_SECONDS) -> None:
        if not weights or min(weights.values()) < 1:
            raise ValueError("the weight of every lane must be at least 1")
        if ageing_seconds <= 0:
            raise ValueError("ageing_seconds must be greater than 0")
        self._weights = dict(weights)
        self._heaviest = max(weights.values())
        self._ageing_seconds = ageing_seconds
        self._starts = dict.fromkeys(self._weights, 0.0)
        self._virtual_now = 0.0
        self._unserved_since: dict[str, float] = {}
        self._empty: set[str] = set()
        """Lanes found empty since the last ticket."""

    def order(self, now_seconds: float) -> tuple[str, ...]:
        """Return the lanes in the order in which to try them; of equal ones the heavier first."""
        return tuple(
            sorted(self._weights, key=lambda lane: (self._end(lane, now_seconds), -self._weights[lane]))
        )

    def record_served(self, lane: str, now_seconds: float) -> None:
        """Record that a ticket of `lane` was taken."""
        self._virtual_now = max(self._virtual_now, self._starts[lane])
        for empty in self._empty - {lane}:
            self._starts[empty] = max(self._starts[empty], self._virtual_now)
        self._empty.clear()
        self._starts[lane] = self._end(lane, now_seconds)
        self._unserved_since[lane] = now_seconds

    def record_empty(self, lane: str, now_seconds: float) -> None:
        """Record that `lane` is empty: its next ticket starts at the virtual time of the ticket served instead.

        So a lane that was alone for a while does not owe turns to a lane that was empty meanwhile.
        """
        self._starts[lane] = max(self._starts[lane], self._virtual_now)
        self._empty.add(lane)
        self._unserved_since[lane] = now_seconds

    def _end(self, lane: str, now_seconds: float) -> float:
        """Return the end of the lane's next turn, in virtual time."""
        return self._starts[lane] + 1 / self._weight(lane, now_seconds)

    def _weight(self, lane: str, now_seconds: float) -> int:
        """Return the weight of a lane at its age."""
        age_seconds = now_seconds - self._unserved_since.setdefault(lane, now_seconds)
        doublings = min(int(max(age_seconds, 0.0) / self._ageing_seconds), _MAX_DOUBLINGS)
        return min(self._weights[lane] << doublings, self._heaviest)
