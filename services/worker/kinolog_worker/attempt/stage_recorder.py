"""Records stages in the log, and what they run on, without delaying the work: several at once, and not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from kinolog.ids import new_id
from kinolog.job.commands import RecordRuntime, RecordStages, StageMark
from kinolog.job.values import Runtime, Stage
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
        self._runtimes: list[Runtime] = []
        """What is not in the log yet of what the attempt runs on."""
        self._marked = asyncio.Event()
        self._appending = asyncio.Lock()

    def run_on(self, runtime: Runtime) -> None:
        """Record what the attempt runs on, unless that is in the log."""
        last = self._runtimes[-1] if self._runtimes else self._lease.job.attempts[-1].runtime
        if runtime != replace(last, placement_reason=runtime.placement_reason):
            self._runtimes.append(runtime)
            self._marked.set()

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
            while self._runtimes:
                runtime = self._runtimes.pop(0)
                await self._lease.record(
                    RecordRuntime(
                        id=new_id(), actor=self._worker, attempt=self._lease.attempt, runtime=runtime
                    )
                )
            if not self._marks:
                return
            marks, self._marks = tuple(self._marks), []
            await self._lease.record(
                RecordStages(id=new_id(), actor=self._worker, attempt=self._lease.attempt, marks=marks)
            )

    def _mark(self, mark: StageMark) -> None:
        self._marks.append(mark)
        self._marked.set()
