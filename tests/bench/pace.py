"""An even pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count, islice
from time import perf_counter


async def beats(per_second: float, limit: int | None = None) -> AsyncIterator[int]:
    """Yield numbers from 0 at an even pace: so many, or without end. One that is late does not delay the next."""
    began = perf_counter()
    for number in islice(count(), limit):
        await asyncio.sleep(max(0.0, began + number / per_second - perf_counter()))
        yield number
