"""Whether a part stands still: it is behind its goal and does not move. Pure; the caller asks at intervals.

See docs/decisions/0006 for the parts that are observed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_STEP_SECONDS = 5.0
"""Two observations that lie further apart count as this far: then this whole process was suspended, not its part."""


class Standstill:
    """Observes one part. `limit_seconds` is how long it may be behind its goal without a move."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._position: int | None = None
        self._observed_at = clock()
        self.still_seconds = 0.0
        """How long the part has been behind its goal without a move."""

    def observe(self, position: int, goal: int) -> bool:
        """Return whether the part stands still, now that it is at `position` and could be at `goal`."""
        now = self._clock()
        elapsed, self._observed_at = min(now - self._observed_at, MAX_STEP_SECONDS), now
        moved, self._position = position != self._position, position
        self.still_seconds = 0.0 if moved or position >= goal else self.still_seconds + elapsed
        return self.still_seconds >= self._limit_seconds

    def reset(self) -> None:
        """Begin again, after the part was started again."""
        self.still_seconds = 0.0
