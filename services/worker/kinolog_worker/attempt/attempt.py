"""One attempt at a job, from the started attempt in the log to the commit that ends it."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import aclosing
from functools import partial
from time import perf_counter

from kinolog.codec.public_job import UnsealedFields
from kinolog.ids import new_id
from kinolog.job.commands import RecordScene
from kinolog.job.decide import LeaseLost
from kinolog.job.state import Job
from kinolog.job.values import Stage
from kinolog.models.catalogue import ModelEntry
from kinolog.process.log_retry import retry_until_log_available
from kinolog_worker.attempt.artifact_files import fetch_scenes, store_scene
from kinolog_worker.attempt.attempt_outcome import AttemptOutcome
from kinolog_worker.attempt.attempt_recorder import AttemptRecorder
from kinolog_worker.attempt.lease import Lease
from kinolog_worker.attempt.render_request import render_job
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    Outcome,
    RenderJob,
    SceneFile,
)
from kinolog_worker.reporting.progress_reporter import SealNote

logger = logging.getLogger(__name__)

STOP_SECONDS = 3.0
"""How long the renderer may take to let go of a job when the worker is being stopped."""


class RunningAttempt:
    """Renders a job whose attempt this worker has started, and ends it in the log.

    The inference process is never waited for by what watches the log, nor the log by rendering: stages, scenes and
    progress are recorded beside the work. `stop` ends the attempt early, so that another worker can go on.
    """

    def __init__(
        self,
        parts: WorkerDependencies,
        lease: Lease,
        entry: ModelEntry,
        opened: UnsealedFields,
        note: SealNote,
    ) -> None:
        self._parts = parts
        self._lease = lease
        self._entry = entry
        self._opened = opened
        self._course = AttemptRecorder(parts, lease, note)
        self._ending = AttemptOutcome(parts, lease, self._course)
        self._folder = parts.scratch / f"{lease.job.id}-{lease.attempt}"
        self._uploads: list[asyncio.Task[None]] = []
        self._told_to_stop = asyncio.Event()
        self._stopping = False
        self._obey_seconds = parts.timing.obey_seconds

    def stop(self) -> None:
        """End the attempt as soon as the renderer lets go, and put the job back into the queue."""
        self._stopping = True
        self._obey_seconds = min(self._obey_seconds, STOP_SECONDS)
        self._told_to_stop.set()

    async def run(self) -> None:
        """Do everything. Raises `LeaseLost` when another worker has taken the job over."""
        try:
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(self._course.book.run()),
                    group.create_task(self._course.weather.run()),
                    group.create_task(self._obey()),
                ]
                watching = group.create_task(self._watch())
                outcome = await self._rendered(group)
                await asyncio.gather(*self._uploads)
                await self._ending.conclude(outcome, watching, stopping=self._stopping)
                for task in beside:
                    task.cancel()
        except BaseExceptionGroup as failures:
            lost = failures.subgroup(LeaseLost)
            if lost is None:
                raise
            raise _first(lost) from None
        finally:
            await self._course.weather.flush()
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _rendered(self, group: asyncio.TaskGroup) -> Outcome:
        """Have the job rendered; how that ended."""
        order = await self._prepared()
        if self._told_to_stop.is_set():
            return CancelledMessage(order.job_id)
        try:
            async with aclosing(self._parts.inference.run(order)) as messages:
                while True:
                    async with asyncio.timeout(self._parts.timing.stall_seconds):
                        message = await anext(messages)
                    if isinstance(message, FinishedMessage | FailedMessage | CancelledMessage):
                        return message
                    if self._told_to_stop.is_set():
                        self._parts.inference.cancel(order.job_id)
                    file = self._course.take(message, self._entry.name)
                    if file is not None and self._lease.job.scenes:
                        self._uploads.append(group.create_task(self._store_scene(file)))
        except TimeoutError:
            await self._parts.inference.kill()
            return FailedMessage(
                order.job_id, "STALLED", "the renderer made no progress and was stopped", True
            )
        except (RuntimeError, OSError, StopAsyncIteration) as error:
            logger.error("the inference process cannot be used: %s", error)
            return FailedMessage(
                order.job_id, "WORKER_CRASHED", "the inference process could not be started", True
            )

    async def _prepared(self) -> RenderJob:
        """Fetch what earlier attempts rendered, and write the order."""
        job = self._lease.job
        started = perf_counter()
        self._course.book.begin(Stage.STORYBOARD)
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        done = await self._fetched(job)
        order = render_job(job, self._opened, self._entry, self._folder, done)
        self._course.plan(order, self._entry.name)
        self._course.book.end(Stage.STORYBOARD, perf_counter() - started)
        return order

    async def _fetched(self, job: Job) -> list[SceneFile]:
        """Scenes of earlier attempts; none when the store cannot be read, for they can be rendered again."""
        try:
            return await fetch_scenes(self._parts.artifacts, job, self._folder)
        except Exception as error:
            logger.warning("scenes of job %s cannot be fetched: %s", job.id, type(error).__name__)
            self._course.weather.line(
                "WARNING", "scenes of an earlier attempt cannot be fetched; rendering anew"
            )
            return []

    async def _store_scene(self, file: SceneFile) -> None:
        """Store a rendered scene and record it. Without it a later attempt renders the scene again, no more."""
        try:
            artifact = await store_scene(self._parts.artifacts, file)
        except Exception as error:
            logger.warning(
                "scene %d of job %s cannot be stored: %s",
                file.index,
                self._lease.job.id,
                type(error).__name__,
            )
            self._course.weather.line(
                "WARNING", f"scene {file.index + 1} could not be stored for later attempts"
            )
            return
        lease = self._lease
        await self._course.book.flush()  # its stages stand before it in the history
        await lease.record(
            RecordScene(
                id=new_id(),
                actor=self._parts.worker,
                attempt=lease.attempt,
                scene=file.index,
                artifact=artifact,
            )
        )

    async def _watch(self) -> None:
        """Look for wishes to cancel, and for other workers that took the job. Raises `LeaseLost`."""
        job_id = self._lease.job.id
        bell = await retry_until_log_available(
            partial(self._parts.watch.subscribe, job_id), f"watching job {job_id}"
        )
        try:
            while True:
                rung = await bell.next_position(self._parts.timing.look_seconds)
                job = await self._lease.refresh(rung if rung is not None else self._lease.position + 1)
                if job.cancel_requested:
                    self._told_to_stop.set()
        finally:
            await bell.close()

    async def _obey(self) -> None:
        """Once told to stop, ask the inference process, and end it when it does not."""
        await self._told_to_stop.wait()
        self._parts.inference.cancel(self._lease.job.id)
        await asyncio.sleep(self._obey_seconds)
        logger.warning("the inference process does not let go of job %s and is ended", self._lease.job.id)
        await self._parts.inference.kill()


def _first(failures: BaseExceptionGroup[LeaseLost]) -> LeaseLost:
    """The first of nested failures."""
    for failure in failures.exceptions:
        return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
    raise AssertionError("a group of failures is never empty")
