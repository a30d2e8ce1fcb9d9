"""A worker's reports to the registry, and its metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from kinolog.ports.event_store import LogUnavailable
from kinolog.process.metrics.process_metrics import process_metrics
from kinolog.process.probe import Metric, metrics_text
from kinolog.process.tasks import keep_running
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.reporting.device_memory import device_state
from kinolog_worker.reporting.worker_status import DiskRoom

logger = logging.getLogger(__name__)


class WorkerReporter:
    """Reports at an interval, and whenever the status changes."""

    def __init__(self, dependencies: WorkerDependencies) -> None:
        self._dependencies = dependencies
        self.problem = ""
        """Why the last report did not reach the registry; empty if it did."""

    async def run(self) -> None:
        """Report until cancelled. A lost report is not repeated: the next one follows."""
        await keep_running(
            "reporting", self._report_changes, self._dependencies.timing.report_interval_seconds
        )

    async def _report_changes(self) -> None:
        changed = self._dependencies.status.changed
        while True:
            changed.clear()
            await self._report()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._dependencies.timing.report_interval_seconds):
                    await changed.wait()

    async def deregister(self) -> None:
        """Remove the worker from the registry."""
        try:
            await self._dependencies.workers.deregister(self._dependencies.worker)
        except LogUnavailable as unavailable:
            logger.debug("the worker cannot be removed from the registry: %s", unavailable)

    async def _report(self) -> None:
        status, inference = self._dependencies.status, self._dependencies.inference
        status.loaded_models = inference.loaded_models
        status.codecs = inference.codecs
        state = await device_state(status.device, inference.pid)
        status.memory_used_bytes, status.memory_total_bytes, status.device_use = state
        status.disks = await asyncio.to_thread(_disks, self._dependencies.disks)
        try:
            await self._dependencies.workers.report(status.report(self._dependencies.clock()))
            self.problem = ""
        except LogUnavailable as unavailable:
            self.problem = "the log does not answer"
            logger.debug("a report was lost: %s", unavailable)


def _disks(folders: Mapping[str, Path]) -> dict[str, DiskRoom]:
    """Return the room of the disks with these folders. One that cannot be read is left out."""
    found = {}
    for name, folder in folders.items():
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(folder)
            found[name] = DiskRoom(free=usage.free, total=usage.total)
    return found


def metrics_of(dependencies: WorkerDependencies) -> str:
    """Return the worker's metrics in the Prometheus text format."""
    status = dependencies.status
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
                help="1 while an attempt runs.",
            ),
            Metric(
                name="kinolog_worker_inference_alive",
                value=float(dependencies.inference.alive),
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
            *_device_use(status.device_use),
            *_of_disks("free", "Room that is left on the disk of a folder.", status.disks, "free"),
            *_of_disks("size", "Size of the disk of a folder.", status.disks, "total"),
            *status.stage_seconds.metrics(),
            *process_metrics(),
        ]
    )


def _device_use(use: float | None) -> list[Metric]:
    text = "Part of the last second in which the device worked."
    return [] if use is None else [Metric(name="kinolog_worker_device_use_ratio", value=use, help=text)]


def _of_disks(name: str, text: str, disks: Mapping[str, DiskRoom], part: str) -> list[Metric]:
    return [
        Metric(
            name=f"kinolog_disk_{name}_bytes", value=getattr(room, part), help=text, labels={"folder": folder}
        )
        for folder, room in disks.items()
    ]
