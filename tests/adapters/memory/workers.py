"""The registry of workers in memory, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from kinolog.ports.workers import PRESENT_SECONDS, WorkerReport


class MemoryWorkerRegistry:
    """Stores the last report of each worker with its time (`now` in seconds)."""

    def __init__(
        self, present_seconds: float = PRESENT_SECONDS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._present_seconds = present_seconds
        self._now = now
        self._reports: dict[str, tuple[float, WorkerReport]] = {}
        self._deregistered: set[str] = set()

    async def report(self, worker: WorkerReport) -> None:
        self._reports[worker.name] = (self._now(), worker)
        self._deregistered.discard(worker.name)

    async def deregister(self, name: str) -> None:
        self._reports.pop(name, None)
        self._deregistered.add(name)

    async def is_deregistered(self, name: str) -> bool:
        return name in self._deregistered

    async def present_workers(self) -> Sequence[WorkerReport]:
        oldest = self._now() - self._present_seconds
        return [report for _, (at, report) in sorted(self._reports.items()) if at > oldest]
