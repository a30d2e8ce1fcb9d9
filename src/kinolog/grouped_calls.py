"""Calls that share work: a few go singly, many go together. See decision 15, decision 21 and decision 23."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimits:
    """At most `max_single_calls` run at once; waiting items go in groups of up to `max_group_size`.

    After a group of at least `crowd_size` items the next one is collected for `collection_seconds` if no item waits.
    """

    max_single_calls: int
    max_group_size: int
    crowd_size: int = 8
    collection_seconds: float = 0.003


class GroupedCalls(Generic[T, R]):
    """Calls for the items of concurrent callers singly while they are few, in groups when they are many.

    A lone item goes at once; it waits only while `limits.max_single_calls` others, or a group, are under way. After a
    large group the next one is collected for a moment: the callers that were just answered come again soon, and single
    calls would delay the group. The item of a caller that is cancelled still goes.
    """

    def __init__(
        self,
        call_one: Callable[[T], Awaitable[R]],
        call_group: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        limits: GroupLimits,
    ) -> None:
        self._call_one = call_one
        self._call_group = call_group
        self._limits = limits
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._single_calls = 0
        self._group: asyncio.Task[None] | None = None
        self._crowded = False
        self._collection: asyncio.TimerHandle | None = None

    async def submit(self, item: T) -> R:
        """Call for `item` and return its result. Raises what its call, or that of its group, raised."""
        if self._crowded or self._group is not None or self._single_calls >= self._limits.max_single_calls:
            future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, future))
            if self._group is None and not self._single_calls and self._collection is None:
                seconds = self._limits.collection_seconds
                self._collection = asyncio.get_running_loop().call_later(seconds, self._start_group)
            return await future
        self._single_calls += 1
        try:
            return await self._call_one(item)
        finally:
            self._single_calls -= 1
            self._start_group()

    async def close(self) -> None:
        """Wait until every group has ended."""
        while self._waiting or self._group is not None:
            self._start_group()
            if self._group is not None:
                await self._group

    def _start_group(self) -> None:
        """Start the call for the items that wait, after a call or the collection has ended."""
        if self._collection is not None:
            self._collection.cancel()
            self._collection = None
        if self._waiting and self._group is None:
            group, self._waiting = (
                self._waiting[: self._limits.max_group_size],
                self._waiting[self._limits.max_group_size :],
            )
            self._group = asyncio.create_task(self._call(group))

    async def _call(self, group: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._call_group([item for item, _ in group])
            for (_, future), answer in zip(group, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        except Exception as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
        finally:
            self._group = None
            self._crowded = len(group) >= self._limits.crowd_size
            self._start_group()
