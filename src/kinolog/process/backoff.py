"""Exponential backoff: how long to pause before the next try. Pure; the caller sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that grow by `factor` from `first_seconds` up to `longest_seconds`."""

    first_seconds: float
    longest_seconds: float
    factor: float = 2.0

    def seconds(self, failures: int) -> float:
        """Return the pause after this many failures in a row, in seconds. 0 and 1 failures give the first pause."""
        pause = self.first_seconds
        for _ in range(1, failures):
            if pause >= self.longest_seconds:
                break
            pause *= self.factor
        return min(pause, self.longest_seconds)

    def pauses(self) -> Iterator[float]:
        """Yield the pauses of a run of failures, in seconds, without end."""
        pause = self.first_seconds
        while True:
            yield min(pause, self.longest_seconds)
            if pause < self.longest_seconds:
                pause *= self.factor
