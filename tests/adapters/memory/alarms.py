"""Alarms in memory, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from kinolog.ids import new_id
from kinolog.ports.alarms import KNOWN_SECONDS, Alarm, in_order

Board = dict[tuple[str, str, str], tuple[float, Alarm]]
"""Alarms by source, instance and name, with the time of their last announcement."""


class MemoryAlarms:
    """The alarms of one process on a board that processes share (`now` in seconds)."""

    def __init__(
        self, source: str = "test", board: Board | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._instance = new_id()
        self._own: set[tuple[str, str, str]] = set()
        self._board = {} if board is None else board
        self._now = now

    def of_another_process(self, source: str = "test") -> MemoryAlarms:
        """Return the alarms of another process on this board. The checks of the first one do not end them."""
        return MemoryAlarms(source, self._board, self._now)

    @property
    def source(self) -> str:
        return self._source

    async def raise_alarm(self, alarm: Alarm) -> None:
        key = self._source, self._instance, alarm.name
        since = self._board[key][1].since if key in self._own else alarm.since
        self._own.add(key)
        raised = replace(alarm, source=self._source, instance=self._instance, since=since)
        self._board[key] = (self._now(), raised)

    async def clear(self, name: str) -> None:
        key = self._source, self._instance, name
        if key in self._own:
            self._own.discard(key)
            del self._board[key]

    async def leave(self) -> None:
        self._own.clear()

    async def current(self) -> tuple[Alarm, ...]:
        oldest = self._now() - KNOWN_SECONDS
        return in_order(alarm for at, alarm in self._board.values() if at > oldest)
