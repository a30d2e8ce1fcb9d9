"""Group commit: what arrives while a write is under way is written together by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Coalescer(Generic[T, R]):
    """Hands items of concurrent callers to `write` in groups of up to `limit`, one group at a time.

    A lone caller is served at once; nobody waits for a timer. A caller that gives up waiting leaves its item in.
    """

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[Sequence[R]]], limit: int) -> None:
        self._write = write
        self._limit = limit
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def submit(self, item: T) -> R:
        """What `write` answers for `item`; raises what it raised for the group."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._run())
        return await future

    async def close(self) -> None:
        """Wait until everything that was submitted is written, or has failed."""
        if self._writer is not None:
            await self._writer

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            try:
                answers = await self._write([item for item, _ in group])
            except Exception as error:
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), answer in zip(group, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
