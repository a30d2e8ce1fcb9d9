"""The request to end an attempt before its job is drawn, and how it reaches the inference process."""

from __future__ import annotations

import asyncio
import logging

from kinolog.job.interruption import PAUSED, PREEMPTED, WORKER_STOPPED
from kinolog.job.values import JobError
from kinolog_worker.dependencies import WorkerDependencies

logger = logging.getLogger(__name__)

SHUTDOWN_CANCEL_SECONDS = 3.0
"""How long the renderer may take to stop a job when the worker shuts down."""

STOPPED_ERROR = JobError(
    code=WORKER_STOPPED, message="the worker was stopped; another one continues", retryable=True
)
PAUSED_ERROR = JobError(
    code=PAUSED, message="the job was paused; it goes on once it is resumed", retryable=True
)
PREEMPTED_ERROR = JobError(
    code=PREEMPTED, message="a critical job needed the device; this one goes on after it", retryable=True
)


class Interruption:
    """Whether an attempt is to end early, and why.

    `requested` is set once the renderer should stop at its next step. `urgent` is set too if the attempt has to end
    within seconds: the job is to be cancelled, or the worker stops.
    """

    def __init__(self, dependencies: WorkerDependencies, job_id: str) -> None:
        self._inference = dependencies.inference
        self._job_id = job_id
        self._timeout_seconds = dependencies.timing.cancel_timeout_seconds
        self.requested = asyncio.Event()
        self.urgent = asyncio.Event()
        self.error: JobError | None = None
        """What the attempt ends with in the log; None for a job that is to be cancelled."""
        self.is_rendering = False
        """Whether the inference process has the job."""

    def cancel(self) -> None:
        """End the attempt: its job is to be cancelled."""
        self.requested.set()
        self.urgent.set()

    def stop(self) -> None:
        """End the attempt as soon as the renderer stops, and put the job back into the queue."""
        self.error = STOPPED_ERROR
        self._timeout_seconds = min(self._timeout_seconds, SHUTDOWN_CANCEL_SECONDS)
        self.cancel()

    def preempt(self) -> None:
        """End the attempt at its next step, however long that takes, and put the job back into the queue."""
        if not self.requested.is_set():
            self.error = PREEMPTED_ERROR
            self.requested.set()

    def pause(self) -> None:
        """End the attempt at its next step, however long that takes: its job is paused."""
        if not self.requested.is_set():
            self.error = PAUSED_ERROR
            self.requested.set()

    async def run(self) -> None:
        """Pass the request to the inference process. Kill the process if it does not stop in time where that is urgent.

        A process that does not have this job yet, or not any more, may draw another one, and is left alone.
        """
        await self.requested.wait()
        self._inference.cancel(self._job_id)
        await self.urgent.wait()
        await asyncio.sleep(self._timeout_seconds)
        if not self.is_rendering:
            return
        logger.warning(
            "the inference process does not stop job %s within %.0f s and is killed",
            self._job_id,
            self._timeout_seconds,
        )
        await self._inference.kill(self._job_id)
