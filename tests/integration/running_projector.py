"""A projector that runs beside a test, and the progress feed that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from kinolog_projector.projection.projector import Projector

from kinolog.ports.progress import PreviewImage, Progress, ProgressUpdate
from tests.adapters.memory.event_store import MemoryEventStore
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.tasks import background_task

MOST_BATCHES = 300


async def write_until(stop: asyncio.Event, memory_jobs: MemoryJobs) -> None:
    """Write batches of commits. After many it ends by itself: a slow machine would never read them all."""
    for _ in range(MOST_BATCHES):
        if stop.is_set():
            return
        await memory_jobs.many(2)
        await asyncio.sleep(0.01)


class Feed:
    """A progress feed in one process. It holds what is published until a reader follows it."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[ProgressUpdate] = asyncio.Queue()
        self.held: list[ProgressUpdate] = []

    async def publish(self, update: ProgressUpdate) -> None:
        self.waiting.put_nowait(update)

    async def follow(
        self, job_id: str | None = None, after: int | None = None
    ) -> AsyncGenerator[ProgressUpdate, None]:
        while True:
            yield await self.waiting.get()

    async def last_position(self) -> int:
        """Return 0: the projector asks for no position."""
        return 0

    async def recent(self, job_id: str) -> Sequence[ProgressUpdate]:
        return [one for one in self.held if one.job_id == job_id]

    async def last_preview(self, job_id: str, attempt: int) -> PreviewImage | None:
        """Return nothing: the projector shows no pictures."""
        return None

    async def last_progress(self, job_id: str, attempt: int) -> Progress | None:
        return None

    async def erase(self, job_id: str) -> None:
        self.held = [one for one in self.held if one.job_id != job_id]


@asynccontextmanager
async def projecting(
    url: str,
    memory_jobs: MemoryJobs,
    feed: Feed | None = None,
    store: MemoryEventStore | None = None,
    rebuild: Callable[[], Awaitable[str]] | None = None,
) -> AsyncIterator[Projector]:
    """Run a projector."""
    projector = Projector(
        url, store or memory_jobs.store, memory_jobs.keys, feed or Feed(), batch_size=50, rebuild=rebuild
    )
    async with background_task(projector.run()):
        yield projector
