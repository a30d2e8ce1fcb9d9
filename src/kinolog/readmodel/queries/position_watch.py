"""Waiting until the read model has seen a position: one question for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kinolog.ports.read_model import PositionNotReached

SHORTEST_SECONDS = 0.002
LONGEST_SECONDS = 0.05


class PositionWatch:
    """Asks for the position again and again while somebody waits, the less often the longer nothing moves."""

    def __init__(self, ask: Callable[[], Awaitable[int]]) -> None:
        self._ask = ask
        self._waiting: dict[asyncio.Future[int], int] = {}
        self._asking: asyncio.Task[None] | None = None
        self._reached = 0

    async def wait(self, position: int, timeout_seconds: float) -> int:
        """The position that was reached, `position` or a later one. Raises `PositionNotReached`."""
        if self._reached >= position:
            return self._reached
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = position
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._keep_asking())
        try:
            async with asyncio.timeout(timeout_seconds):
                return int(await future)
        except TimeoutError:
            raise PositionNotReached(position, self._reached) from None
        finally:
            self._waiting.pop(future, None)

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _keep_asking(self) -> None:
        pause = SHORTEST_SECONDS
        while self._waiting:
            try:
                reached = await self._ask()
            except Exception as error:
                for future in self._waiting:
                    if not future.done():
                        future.set_exception(error)
                self._waiting.clear()
                return
            pause = SHORTEST_SECONDS if reached > self._reached else min(pause * 1.5, LONGEST_SECONDS)
            self._reached = max(self._reached, reached)
            for future, position in list(self._waiting.items()):
                if position <= reached and not future.done():
                    future.set_result(reached)
                    del self._waiting[future]
            if self._waiting:
                await asyncio.sleep(pause)
