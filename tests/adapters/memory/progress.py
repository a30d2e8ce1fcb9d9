"""Progress in memory, for tests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from kinolog.ports.progress import LogLine, PreviewImage, Progress, ProgressUpdate

MAX_STORED = 500
"""Updates stored of each attempt; new ones replace the oldest."""

MAX_UNREAD = 10_000
"""Updates stored for a slow follower; new ones replace the oldest."""


class _Follower:
    """Updates that one follower has yet to read."""

    def __init__(self) -> None:
        self.unread: deque[ProgressUpdate] = deque(maxlen=MAX_UNREAD)
        self.arrived = asyncio.Event()


class MemoryProgressFeed:
    """Stores the last updates of each attempt."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, int], deque[tuple[int, ProgressUpdate]]] = {}
        self._followers: dict[_Follower, str | None] = {}
        self._published = 0

    async def publish(self, update: ProgressUpdate) -> None:
        self._published += 1
        if isinstance(update, LogLine):
            update = replace(update, sequence=self._published)
        stored = self._stored.setdefault((update.job_id, update.attempt), deque(maxlen=MAX_STORED))
        stored.append((self._published, update))
        for follower, job_id in self._followers.items():
            if job_id in (None, update.job_id):
                follower.unread.append(update)
                follower.arrived.set()

    async def follow(
        self, job_id: str | None = None, after: int | None = None
    ) -> AsyncGenerator[ProgressUpdate, None]:
        follower = _Follower()
        if after is not None:
            follower.unread.extend(update for position, update in self._in_order(job_id) if position > after)
        self._followers[follower] = job_id
        try:
            while True:
                while follower.unread:
                    yield follower.unread.popleft()
                follower.arrived.clear()
                await follower.arrived.wait()
        finally:
            del self._followers[follower]

    async def last_position(self) -> int:
        return self._published

    async def recent(self, job_id: str) -> Sequence[ProgressUpdate]:
        return [update for _, update in self._in_order(job_id)]

    def _in_order(self, job_id: str | None) -> list[tuple[int, ProgressUpdate]]:
        """Return what is stored of a job, or of all, by position."""
        found = [
            pair for (job, _), stored in self._stored.items() if job_id in (None, job) for pair in stored
        ]
        return sorted(found, key=lambda pair: pair[0])

    async def last_progress(self, job_id: str, attempt: int) -> Progress | None:
        for _, update in reversed(self._stored.get((job_id, attempt), ())):
            if isinstance(update, Progress):
                return update
        return None

    async def last_preview(self, job_id: str, attempt: int) -> PreviewImage | None:
        stored = reversed(self._stored.get((job_id, attempt), ()))
        return next((update for _, update in stored if isinstance(update, PreviewImage)), None)

    async def erase(self, job_id: str) -> None:
        for key in [key for key in self._stored if key[0] == job_id]:
            del self._stored[key]
