"""Reading ahead: while one batch is written, the next is read and made ready."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress

from kinolog.job.commit import Recorded
from kinolog_projector.batch import Batch, Preparer

READ_AHEAD_BATCHES = 2


class Intake:
    """Cuts what comes from the log into batches: as large as what has gathered, at most `batch_size`."""

    def __init__(self, preparer: Preparer, batch_size: int) -> None:
        self._preparer = preparer
        self._batch_size = batch_size
        self._gathered: deque[Recorded] = deque()
        self._changed = asyncio.Condition()
        self._ended = False
        self._ready: asyncio.Queue[Batch | None] = asyncio.Queue(maxsize=1)

    async def batches(
        self, previous: int, commits: AsyncIterator[Sequence[Recorded]]
    ) -> AsyncGenerator[Batch]:
        """Batches that follow `previous`, for as long as commits come.

        Raises what reading raises, and `DamagedLog` on a gap. Close it (`aclosing`) to stop reading.
        """
        reading = asyncio.create_task(self._read(commits))
        preparing = asyncio.create_task(self._prepare(previous))
        try:
            while (batch := await self._next(reading, preparing)) is not None:
                yield batch
        finally:
            for task in (preparing, reading):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(preparing, reading, return_exceptions=True)

    async def _next(self, reading: asyncio.Task[None], preparing: asyncio.Task[None]) -> Batch | None:
        """The next batch; None when all are out. Raises what a task raised."""
        taking = asyncio.create_task(self._ready.get())
        tasks: list[asyncio.Task[object]] = [taking, reading, preparing]
        try:
            while not taking.done():
                running = [task for task in tasks if not task.done()]
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in (reading, preparing):
                    if task.done() and not taking.done():
                        task.result()
            return taking.result()
        finally:
            taking.cancel()

    async def _read(self, commits: AsyncIterator[Sequence[Recorded]]) -> None:
        try:
            async for some in commits:
                async with self._changed:
                    self._gathered.extend(some)
                    self._changed.notify_all()
                    await self._changed.wait_for(
                        lambda: len(self._gathered) < READ_AHEAD_BATCHES * self._batch_size
                    )
        finally:
            close = getattr(commits, "aclose", None)
            if close is not None:
                await close()
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def _prepare(self, previous: int) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._gathered or self._ended)
                size = min(len(self._gathered), self._batch_size)
                some = [self._gathered.popleft() for _ in range(size)]
                self._changed.notify_all()
            if not some:
                await self._ready.put(None)
                return
            batch = await self._preparer.prepare(previous, some)
            previous = batch.last
            await self._ready.put(batch)
