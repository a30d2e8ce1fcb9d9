"""Values for watchers: of each key only the newest waits, and all that wait are taken together, not too often.

See docs/decisions/0114.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

INTERVAL_SECONDS = 0.1
"""Shortest time between two takes: a watcher receives ten values of a key in a second at most."""


class Conflation(Generic[K, V]):
    """The newest value of each key. One task takes them."""

    def __init__(self) -> None:
        self._latest: dict[K, V] = {}
        self._filled = asyncio.Event()
        self._taken_at = float("-inf")

    def put(self, key: K, value: V) -> None:
        """Let a value wait, in place of an older one of its key."""
        self._latest[key] = value
        self._filled.set()

    def discard(self, key: K) -> None:
        """Drop the value of a key that waits, if there is one."""
        self._latest.pop(key, None)

    def clear(self) -> None:
        """Drop all values that wait."""
        self._latest.clear()

    async def take(self) -> list[V]:
        """Wait for values, and until the interval after the last take has passed. Return them, oldest key first."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._latest:
                self._filled.clear()
                await self._filled.wait()
            await asyncio.sleep(max(0.0, self._taken_at + INTERVAL_SECONDS - loop.time()))
            if self._latest:
                break
        self._taken_at = loop.time()
        latest = list(self._latest.values())
        self._latest.clear()
        return latest
