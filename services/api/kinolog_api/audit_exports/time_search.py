"""Where in the log a time is. The times of commits are in order but for the clocks of machines, which differ."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timedelta

from kinolog.ports.event_store import EventStore

CLOCK_DIFFERENCE = timedelta(hours=1)
"""How much the clocks of the machines that decide commands may differ."""


async def first_position_at(store: EventStore, time: datetime, last: int) -> int:
    """Return the first position whose commit was decided at a time or later; `last + 1` if there is none.

    It reads one commit for each halving of the log. Raises `LogUnavailable`, `DamagedLog`.
    """
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        if await _decided_at(store, middle) < time:
            low = middle + 1
        else:
            high = middle
    return low


async def _decided_at(store: EventStore, position: int) -> datetime:
    async with aclosing(store.read(position - 1, position)) as batches:
        async for batch in batches:
            return batch[0].commit.at
    raise LookupError(f"the log does not have position {position}")
