"""Port: the time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> datetime:
        """Now, in UTC."""
        ...


def system_clock() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)
