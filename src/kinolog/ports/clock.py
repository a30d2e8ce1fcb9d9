"""Port: the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Returns the current time."""

    def __call__(self) -> datetime:
        """Return the current time in UTC."""
        ...


def system_clock() -> datetime:
    """Return the time of the system clock in UTC."""
    return datetime.now(UTC)
