"""Waits until the read model contains a position. All waiting callers of a process share one query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kinolog.ports.read_model import PositionNotReached, ReadModelUnavailable
from kinolog.process.backoff import Backoff
from kinolog.process.tasks import end_tasks

POLL = Backoff(first_seconds=0.002, longest_seconds=0.05, factor=1.5)


class PositionWatch:
    """Polls the position while callers wait, at longer intervals while it does not change."""

    def __init__(self, read_position: Callable[[], Awaitable[int]]) -> None:
        self._read_position = read_position
        self._waiting: dict[asyncio.Future[int], int] = {}
        self._polling: asyncio.Task[None] | None = None
        self._reached = 0

    async def wait(self, position: int, timeout_seconds: float) -> int:
        """Wait for `position` and return it or a later one. Raises `PositionNotReached`."""
        if self._reached >= position:
            return self._reached
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = position
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(timeout_seconds):
                return int(await future)
        except TimeoutError:
            raise PositionNotReached(required=position, reached=self._reached) from None
        finally:
            self._waiting.pop(future, None)

    async def close(self) -> None:
        """Stop polling. Callers that still wait get an error."""
        self._fail(ReadModelUnavailable("the read models are closed: this process is stopping"))
        if self._polling is not None:
            await end_tasks((self._polling,))

    async def _poll(self) -> None:
        pauses = POLL.pauses()
        while self._waiting:
            try:
                reached = await self._read_position()
            except Exception as error:
                self._fail(error)
                return
            if reached > self._reached:
                pauses = POLL.pauses()
            self._reached = max(self._reached, reached)
            for future, position in list(self._waiting.items()):
                if position <= reached and not future.done():
                    future.set_result(reached)
                    del self._waiting[future]
            if self._waiting:
                await asyncio.sleep(next(pauses))

    def _fail(self, error: Exception) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()
