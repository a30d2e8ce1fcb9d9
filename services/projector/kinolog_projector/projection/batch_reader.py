"""Reading ahead: while one batch is written, the next is read and made ready."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from kinolog.job.commit import Recorded
from kinolog_projector.projection.batch import BatchPreparer, CommitBatch

READ_AHEAD_BATCHES = 2


class BatchReader:
    """Cuts what comes from the log into batches: as large as what has gathered, at most `batch_size`."""

    def __init__(self, preparer: BatchPreparer, batch_size: int) -> None:
        self._preparer = preparer
        self._batch_size = batch_size
        self._gathered: deque[Recorded] = deque()
        self._changed = asyncio.Condition()
        self._ended = False
        self._failure: Exception | None = None
        self._ready: asyncio.Queue[CommitBatch | Exception | None] = asyncio.Queue(maxsize=1)

    async def batches(
        self, previous: int, commits: AsyncIterator[Sequence[Recorded]]
    ) -> AsyncGenerator[CommitBatch]:
        """Batches that follow `previous`, for as long as commits come.

        Raises what reading raises, once all that came before is out, and `DamagedLog` on a gap. Close it
        (`aclosing`) to stop reading.
        """
        tasks = (asyncio.create_task(self._read(commits)), asyncio.create_task(self._prepare(previous)))
        try:
            while (batch := await self._ready.get()) is not None:
                if isinstance(batch, Exception):
                    raise batch
                yield batch
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, commits: AsyncIterator[Sequence[Recorded]]) -> None:
        try:
            async for some in commits:
                async with self._changed:
                    self._gathered.extend(some)
                    self._changed.notify_all()
                    await self._changed.wait_for(
                        lambda: len(self._gathered) < READ_AHEAD_BATCHES * self._batch_size
                    )
        except Exception as error:
            self._failure = error
        finally:
            close = getattr(commits, "aclose", None)
            if close is not None:
                await close()
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def _prepare(self, previous: int) -> None:
        try:
            while some := await self._take():
                batch = await self._preparer.prepare(previous, some)
                previous = batch.last
                await self._ready.put(batch)
        except Exception as error:
            self._failure = error
        await self._ready.put(self._failure)

    async def _take(self) -> list[Recorded]:
        """What has gathered, up to the size of a batch; empty when all is out."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._gathered or self._ended)
            size = min(len(self._gathered), self._batch_size)
            some = [self._gathered.popleft() for _ in range(size)]
            self._changed.notify_all()
            return some
