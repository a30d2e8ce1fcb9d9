"""How often a process collects garbage.

The processes hold many thousand objects that end together and form no cycles. Frequent full collections visit them
repeatedly: in the projector that took a quarter of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum


class CollectionRate(Enum):
    """Thresholds of `gc.set_threshold` for each kind of process."""

    REQUESTS = (20_000, 20, 100)
    BATCHES = (50_000, 50, 1_000)
    SCREENS = (20_000, 20, 20)


def collect_garbage_rarely(rate: CollectionRate) -> None:
    """Exempt everything that is loaded now from collection, and collect at this rate from now on."""
    gc.freeze()
    gc.set_threshold(*rate.value)


@contextmanager
def without_collection() -> Iterator[None]:
    """Import modules inside: what they make stays, and looking through it repeatedly takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
