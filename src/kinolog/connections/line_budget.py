"""How many lines a log gets about refusals: whoever is refused without end must not fill a disk with lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kinolog.connections.recent_entries import RecentEntries

ADDRESS_LINES, ADDRESS_SECONDS = 10, 10.0
"""Lines about one address at once, and in how many seconds it has another one."""
ALL_LINES, ALL_SECONDS = 100, 0.2
"""The same for all addresses together."""
MOST_ADDRESSES = 1_000
"""Addresses whose lines are counted. One that was forgotten begins again."""


@dataclass(slots=True)
class _Bucket:
    """What is left of some lines, which come back one by one."""

    most: int
    seconds: float
    left: float
    at: float

    def has_line(self, now: float) -> bool:
        """Return whether a line is left."""
        self.left = min(self.most, self.left + (now - self.at) / self.seconds)
        self.at = now
        return self.left >= 1.0


class LineBudget:
    """Says of each refusal whether it gets a line. The next line has the number of those without."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._all = _Bucket(ALL_LINES, ALL_SECONDS, ALL_LINES, monotonic())
        self._addresses = RecentEntries[str, _Bucket](MOST_ADDRESSES)
        self._left_out = 0

    def take(self, address: str) -> int | None:
        """Take a line. Return how many refusals had none since the last line; None if this one gets none either."""
        now = self._monotonic()
        bucket = self._addresses.get(address) or _Bucket(ADDRESS_LINES, ADDRESS_SECONDS, ADDRESS_LINES, now)
        self._addresses[address] = bucket
        if not bucket.has_line(now) or not self._all.has_line(now):
            self._left_out += 1
            return None
        bucket.left -= 1.0
        self._all.left -= 1.0
        left_out, self._left_out = self._left_out, 0
        return left_out
