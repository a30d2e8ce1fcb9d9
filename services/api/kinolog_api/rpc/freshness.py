"""How far the read models are behind the log, in seconds, as responses that come from them tell."""

from __future__ import annotations

import time
from collections.abc import Callable

STALE_KEY = "kinolog-stale-seconds"
"""Trailing metadata of a response from read models that are behind: whole seconds."""

STALE_SECONDS = 10.0
"""Read models that are behind for less are not stale: their position is read every few seconds."""

READ_MODEL_METHODS = frozenset(
    {
        *("ListJobs", "SummarizeJobs"),
        *("GetOverview", "GetSuccessRates", "GetStageTimes", "GetQueueDepth", "GetTrends", "ListActivity"),
        *("SearchEvents", "CountCommands", "GetQueueAt"),
    }
)
"""Methods whose responses come from the read models."""


class Freshness:
    """Compares the position of the read models with where the log ended a while ago."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._fresh_at = now()
        """A time of the steady clock up to which the read models contain the log."""
        self._target = (0, self._fresh_at)
        """An end of the log that the read models must reach, and when it was read."""
        self._is_behind = False

    def observe(self, log_end: int, position: int) -> None:
        """Note that the log ended at `log_end` and the read models had reached `position`."""
        target, read_at = self._target
        self._is_behind = position < target
        if self._is_behind:
            return
        self._fresh_at = self._now() if position >= log_end else read_at
        self._target = (log_end, self._now())

    def stale_seconds(self) -> int:
        """Return for how many seconds the read models lack commits; 0 if they are not stale."""
        behind = self._now() - self._fresh_at
        return int(behind) if self._is_behind and behind > STALE_SECONDS else 0
