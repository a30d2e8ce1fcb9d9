"""Reads ahead: while one batch is written, the next is read and prepared."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

from kinolog.job.commit import RecordedCommit
from kinolog.process.tasks import end_tasks
from kinolog_projector.projection.batch import BatchPreparer, CommitBatch

READ_AHEAD_BATCHES = 2

FEW_COMMITS = 64
COLLECTION_SECONDS = 0.008
"""How long a few commits with new jobs wait for others. See docs/decisions/0146.

The dispatch of tickets runs beside, and the worker that starts such a job has the processors meanwhile.
"""


class BatchReader:
    """Groups commits from the log into batches of all that have arrived, at most `batch_size`."""

    def __init__(
        self,
        preparer: BatchPreparer,
        batch_size: int,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._pause = pause
        self._preparer = preparer
        self._batch_size = batch_size
        self._pending: deque[RecordedCommit] = deque()
        self._changed = asyncio.Condition()
        self._ended = False
        self._failure: Exception | None = None
        self._ready: asyncio.Queue[CommitBatch | Exception | None] = asyncio.Queue(maxsize=1)

    async def batches(
        self, previous: int, commits: AsyncIterator[Sequence[RecordedCommit]]
    ) -> AsyncGenerator[CommitBatch]:
        """Yield batches that follow `previous` until `commits` ends.

        Raises what reading raises, after the batches that were read before, and `DamagedLog` on a gap. Close it
        (`aclosing`) to stop reading.
        """
        tasks = (asyncio.create_task(self._read(commits)), asyncio.create_task(self._prepare(previous)))
        try:
            while (batch := await self._ready.get()) is not None:
                if isinstance(batch, Exception):
                    raise batch
                yield batch
        finally:
            await end_tasks(tasks)

    async def _read(self, commits: AsyncIterator[Sequence[RecordedCommit]]) -> None:
        """Collect commits until there are no more. An error, also of their end, is noted for the consumer."""
        try:
            await self._collect(commits)
        except Exception as error:
            self._failure = error
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def _collect(self, commits: AsyncIterator[Sequence[RecordedCommit]]) -> None:
        try:
            async for arrived in commits:
                async with self._changed:
                    self._pending.extend(arrived)
                    self._changed.notify_all()
                    await self._changed.wait_for(
                        lambda: len(self._pending) < READ_AHEAD_BATCHES * self._batch_size
                    )
        finally:
            close = getattr(commits, "aclose", None)
            if close is not None:
                await close()

    async def _prepare(self, previous: int) -> None:
        try:
            while taken := await self._take():
                batch = await self._preparer.prepare(previous, taken)
                previous = batch.last
                await self._ready.put(batch)
        except Exception as error:
            self._failure = error
        await self._ready.put(self._failure)

    async def _take(self) -> list[RecordedCommit]:
        """Wait for commits and return those that have arrived, up to a batch; empty at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._pending or self._ended)
        if len(self._pending) < FEW_COMMITS and any(map(_begins_job, self._pending)):
            await self._pause(COLLECTION_SECONDS)
        async with self._changed:
            size = min(len(self._pending), self._batch_size)
            taken = [self._pending.popleft() for _ in range(size)]
            self._changed.notify_all()
            return taken


def _begins_job(recorded: RecordedCommit) -> bool:
    return recorded.commit.previous_position == 0
