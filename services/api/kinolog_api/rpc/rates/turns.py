"""Turns by name: so many calls of one name go on at once, and the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Turns:
    """Semaphores by name, which are there while calls use them."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._used: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def acquire(self, name: str) -> Callable[[], None]:
        """Wait for a turn. Return what ends it."""
        turns, users = self._used.get(name) or (asyncio.Semaphore(self._at_once), 0)
        self._used[name] = turns, users + 1
        try:
            await turns.acquire()
        except BaseException:
            self._leave(name)
            raise

        def end() -> None:
            turns.release()
            self._leave(name)

        return end

    def is_free(self, name: str) -> bool:
        """Return whether `acquire` would not wait."""
        used = self._used.get(name)
        return used is None or not used[0].locked()

    def users(self, name: str) -> int:
        """Return how many calls have a turn or wait for one."""
        used = self._used.get(name)
        return 0 if used is None else used[1]

    def _leave(self, name: str) -> None:
        turns, users = self._used.pop(name)
        if users > 1:
            self._used[name] = turns, users - 1
