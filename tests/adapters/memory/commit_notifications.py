"""Notifications of commits in memory, for tests."""

from __future__ import annotations

import asyncio

from tests.adapters.memory.event_store import MemoryEventStore


class MemoryCommitSubscription:
    """Receives the positions of a job's commits until it is closed."""

    def __init__(self, store: MemoryEventStore, job_id: str, after: int) -> None:
        self._positions: asyncio.Queue[int] = asyncio.Queue()
        self._following = asyncio.create_task(self._follow(store, job_id, after))

    async def next_position(self, timeout_seconds: float) -> int | None:
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._positions.get()
        except TimeoutError:
            return None

    async def close(self) -> None:
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)

    async def _follow(self, store: MemoryEventStore, job_id: str, after: int) -> None:
        async for batch in store.follow(after):
            for recorded in batch:
                if recorded.commit.job_id == job_id:
                    self._positions.put_nowait(recorded.position)


class MemoryCommitNotifier:
    """Subscribes to the commits of jobs in a log in memory."""

    def __init__(self, store: MemoryEventStore) -> None:
        self._store = store

    async def subscribe(self, job_id: str) -> MemoryCommitSubscription:
        return MemoryCommitSubscription(self._store, job_id, await self._store.last_position())
