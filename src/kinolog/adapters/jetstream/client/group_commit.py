"""Group commit: a few concurrent writes go singly, many go together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimits:
    """`singly` writes may be under way at once; what waits behind them goes in groups of up to `together`.

    Behind a group of at least `crowd` the next one is gathered for `gathering_seconds` when nothing waits yet.
    """

    singly: int
    together: int
    crowd: int = 8
    gathering_seconds: float = 0.003


class GroupCommit(Generic[T, R]):
    """Writes the items of concurrent callers, each by itself while they are few, in groups when they are many.

    An item that comes alone is written at once; it waits only while `limits.singly` others, or a group, are being
    written. Only in a crowd, behind a large group, a moment is waited for the next one: those who were just answered
    come again soon, and each that went singly would hold up the others. A caller that gives up waiting leaves its
    item in.
    """

    def __init__(
        self,
        write_one: Callable[[T], Awaitable[R]],
        write_group: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        limits: GroupLimits,
    ) -> None:
        self._write_one = write_one
        self._write_group = write_group
        self._limits = limits
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._single = 0
        self._group: asyncio.Task[None] | None = None
        self._crowded = False
        self._gathering: asyncio.TimerHandle | None = None

    async def submit(self, item: T) -> R:
        """What is answered for `item`; raises what its write, or that of its group, raised."""
        if self._crowded or self._group is not None or self._single >= self._limits.singly:
            future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, future))
            if self._group is None and not self._single and self._gathering is None:
                seconds = self._limits.gathering_seconds
                self._gathering = asyncio.get_running_loop().call_later(seconds, self._next)
            return await future
        self._single += 1
        try:
            return await self._write_one(item)
        finally:
            self._single -= 1
            self._next()

    async def close(self) -> None:
        """Wait until every group is written, or has failed."""
        while self._waiting or self._group is not None:
            self._next()
            if self._group is not None:
                await self._group

    def _next(self) -> None:
        """Start on what waits, now that a write has ended or enough was gathered."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._waiting and self._group is None:
            group, self._waiting = (
                self._waiting[: self._limits.together],
                self._waiting[self._limits.together :],
            )
            self._group = asyncio.create_task(self._write(group))

    async def _write(self, group: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._write_group([item for item, _ in group])
        except Exception as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), answer in zip(group, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        finally:
            self._group = None
            self._crowded = len(group) >= self._limits.crowd
            self._next()
