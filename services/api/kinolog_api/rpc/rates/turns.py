"""Turns by name: so many calls of one name go on at once, and the others wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial


class Turns:
    """Semaphores by name, which are there while calls use them. Who waits first has the next turn."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def acquire(self, name: str) -> Callable[[], None]:
        """Wait for a turn. Return what ends it."""
        if self.is_free(name):
            self.take(name)
        else:
            await self._wait(name)
        return partial(self.end, name)

    def is_free(self, name: str) -> bool:
        """Return whether `acquire` would not wait."""
        return self._taken.get(name, 0) < self._at_once

    def take(self, name: str) -> None:
        """Take a turn that is free."""
        self._taken[name] = self._taken.get(name, 0) + 1

    def end(self, name: str) -> None:
        """End a turn. The first who waits has it then, so that it is never free while another call waits."""
        waiting = self._waiting.get(name)
        while waiting:
            waiter = waiting.popleft()
            if not waiter.done():  # else it was cancelled
                waiter.set_result(None)
                return
        if (left := self._taken.pop(name) - 1) > 0:
            self._taken[name] = left

    def users(self, name: str) -> int:
        """Return how many calls have a turn or wait for one."""
        return self._taken.get(name, 0) + len(self._waiting.get(name, ()))

    async def _wait(self, name: str) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(name, deque())
        waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # its turn came with the cancellation
                self.end(name)
            raise
        finally:
            if waiter in waiting:
                waiting.remove(waiter)
            if not waiting and self._waiting.get(name) is waiting:  # not those who came after it
                del self._waiting[name]
