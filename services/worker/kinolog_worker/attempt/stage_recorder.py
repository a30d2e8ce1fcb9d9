"""Records stages in the log without delaying the work: several at once, and not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from kinolog.ids import new_id
from kinolog.job.commands import RecordStages, StageMark
from kinolog.job.values import Stage
from kinolog_worker.attempt.lease import Lease

INTERVAL_SECONDS = 0.5
"""Stages that start and finish within this time go into the log together."""


class StageRecorder:
    """Collects marks of an attempt's stages and appends them in the background."""

    def __init__(self, lease: Lease, worker: str, clock: Callable[[], datetime]) -> None:
        self._lease = lease
        self._worker = worker
        self._clock = clock
        self._marks: list[StageMark] = []
        self._marked = asyncio.Event()
        self._appending = asyncio.Lock()

    def start(self, stage: Stage, scene: int | None = None) -> None:
        """Mark that a stage starts now."""
        self._mark(StageMark(stage=stage, scene=scene, at=self._clock()))

    def finish(self, stage: Stage, seconds: float, scene: int | None = None) -> None:
        """Mark that a stage finishes now, after `seconds`."""
        self._mark(StageMark(stage=stage, scene=scene, at=self._clock(), seconds=seconds))

    async def run(self) -> None:
        """Append marks as they come, until cancelled. Raises `LeaseLost`."""
        while True:
            await self._marked.wait()
            await self.flush()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def flush(self) -> None:
        """Append all marks so far. Raises `LeaseLost`."""
        async with self._appending:
            self._marked.clear()
            if not self._marks:
                return
            marks, self._marks = tuple(self._marks), []
            await self._lease.record(
                RecordStages(id=new_id(), actor=self._worker, attempt=self._lease.attempt, marks=marks)
            )

    def _mark(self, mark: StageMark) -> None:
        self._marks.append(mark)
        self._marked.set()
