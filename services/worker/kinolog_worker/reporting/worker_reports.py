"""A worker's reports to the registry, and its metrics."""

from __future__ import annotations

import asyncio
import logging

from kinolog.ports.event_store import LogUnavailable
from kinolog.process.probe import Metric, metrics_text
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.reporting.device_memory import device_memory

logger = logging.getLogger(__name__)


class WorkerReporter:
    """Reports every few seconds, and whenever something changed."""

    def __init__(self, parts: WorkerDependencies) -> None:
        self._parts = parts

    async def run(self) -> None:
        """Report for ever; a report that gets lost is followed by the next one."""
        changed = self._parts.status.changed
        while True:
            changed.clear()
            await self._report()
            try:
                async with asyncio.timeout(self._parts.timing.report_seconds):
                    await changed.wait()
            except TimeoutError:
                continue

    async def leave(self) -> None:
        """Say that the worker is gone."""
        try:
            await self._parts.workers.deregister(self._parts.worker)
        except LogUnavailable as unavailable:
            logger.debug("cannot say goodbye: %s", unavailable)

    async def _report(self) -> None:
        status, inference = self._parts.status, self._parts.inference
        if not inference.alive:
            status.unloaded()
        status.memory_used_bytes, status.memory_total_bytes = await device_memory(
            status.device, inference.pid
        )
        try:
            await self._parts.workers.report(status.report(self._parts.clock()))
        except LogUnavailable as unavailable:
            logger.debug("a report got lost: %s", unavailable)


def metrics_of(parts: WorkerDependencies) -> str:
    """The worker's metrics in the Prometheus text format."""
    status = parts.status
    return metrics_text(
        [
            Metric(
                name="kinolog_worker_jobs_completed_total",
                value=status.jobs_completed,
                help="Jobs completed.",
                kind="counter",
            ),
            Metric(
                name="kinolog_worker_attempts_failed_total",
                value=status.attempts_failed,
                help="Attempts failed.",
                kind="counter",
            ),
            Metric(
                name="kinolog_worker_busy",
                value=float(bool(status.job_id)),
                help="1 while an attempt is under way.",
            ),
            Metric(
                name="kinolog_worker_inference_alive",
                value=float(parts.inference.alive),
                help="1 while the inference process runs.",
            ),
            Metric(
                name="kinolog_worker_memory_used_bytes",
                value=status.memory_used_bytes,
                help="Memory in use on the device.",
            ),
            Metric(
                name="kinolog_worker_memory_total_bytes",
                value=status.memory_total_bytes,
                help="Memory of the device.",
            ),
        ]
    )
