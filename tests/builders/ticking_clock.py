"""A clock for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class TickingClock:
    """A clock that advances by one second on each read."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now
