"""Weather in memory: for tests and for trying things out. Nothing outlives the process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from kinolog.ports.progress import LogLine, Progress, ProgressUpdate

KEPT = 500
"""Messages kept of each attempt; the oldest make room for new ones."""

BEHIND = 10_000
"""Messages kept for a follower that is slow; the oldest make room for new ones."""


class _Follower:
    """What one follower has yet to read."""

    def __init__(self) -> None:
        self.waiting: deque[ProgressUpdate] = deque(maxlen=BEHIND)
        self.arrived = asyncio.Event()


class MemoryProgressFeed:
    """Keeps the last messages of each attempt."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], deque[tuple[int, ProgressUpdate]]] = {}
        self._followers: dict[_Follower, str | None] = {}
        self._published = 0

    async def publish(self, weather: ProgressUpdate) -> None:
        self._published += 1
        if isinstance(weather, LogLine):
            weather = replace(weather, sequence=self._published)
        kept = self._kept.setdefault((weather.job_id, weather.attempt), deque(maxlen=KEPT))
        kept.append((self._published, weather))
        for follower, job_id in self._followers.items():
            if job_id in (None, weather.job_id):
                follower.waiting.append(weather)
                follower.arrived.set()

    async def follow(self, job_id: str | None = None) -> AsyncIterator[ProgressUpdate]:
        follower = _Follower()
        self._followers[follower] = job_id
        try:
            while True:
                while follower.waiting:
                    yield follower.waiting.popleft()
                follower.arrived.clear()
                await follower.arrived.wait()
        finally:
            del self._followers[follower]

    async def recent(self, job_id: str) -> Sequence[ProgressUpdate]:
        mine = [pair for (job, _), kept in self._kept.items() if job == job_id for pair in kept]
        return [weather for _, weather in sorted(mine, key=lambda pair: pair[0])]

    async def last_progress(self, job_id: str, attempt: int) -> Progress | None:
        for _, weather in reversed(self._kept.get((job_id, attempt), ())):
            if isinstance(weather, Progress):
                return weather
        return None

    async def erase(self, job_id: str) -> None:
        for key in [key for key in self._kept if key[0] == job_id]:
            del self._kept[key]
