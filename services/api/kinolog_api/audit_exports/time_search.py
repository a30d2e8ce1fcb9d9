"""Where in the log a time is. The times of commits are in order but for the clocks of machines, which differ."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timedelta

from kinolog.ports.event_store import EventStore

CLOCK_DIFFERENCE = timedelta(hours=1)
"""How much the clocks of the machines that decide commands may differ."""
NEIGHBOURS = 64
"""Commits that are read at each place: those of one machine whose clock is wrong do not mislead the search."""


async def first_position_from(store: EventStore, time: datetime, last: int) -> int:
    """Return a position before which no commit was decided at a time or later; `last + 1` if none was.

    It reads some commits for each halving of the log. Raises `LogUnavailable`, `DamagedLog`.
    """
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        _, latest = await _span_at(store, middle, last)
        if latest < time:
            low = middle + 1
        else:
            high = middle
    return low


async def last_position_until(store: EventStore, time: datetime, last: int) -> int:
    """Return a position after which no commit was decided before a time. Raises `LogUnavailable`, `DamagedLog`."""
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        earliest, _ = await _span_at(store, middle, last)
        if earliest < time:
            low = middle + 1
        else:
            high = middle
    return low - 1


async def _span_at(store: EventStore, position: int, last: int) -> tuple[datetime, datetime]:
    """Return the earliest and the latest time of the commits from a position on."""
    times = list[datetime]()
    end = min(position + NEIGHBOURS - 1, last)
    async with aclosing(store.read(position - 1, end)) as batches:
        async for batch in batches:
            times += [recorded.commit.at for recorded in batch]
    return min(times), max(times)
