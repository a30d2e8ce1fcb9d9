"""How an attempt ends in the log: completed, failed, or cancelled."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from time import perf_counter

from kinolog.ids import new_id
from kinolog.job.commands import Command, Complete, ConfirmCancel, FailAttempt
from kinolog.job.decide import LeaseLost
from kinolog.job.values import WORKER_STOPPED, Artifact, JobError, MediaFacts, Stage, Status
from kinolog.process.logs import fields
from kinolog_worker.attempt.artifact_files import commit_files, stage_files
from kinolog_worker.attempt.attempt_recorder import AttemptRecorder
from kinolog_worker.attempt.lease import Lease
from kinolog_worker.attempt.retry_delay import retry_at
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import CancelledMessage, FailedMessage, FinishedMessage, Outcome

logger = logging.getLogger(__name__)

STOPPED = JobError(code=WORKER_STOPPED, message="the worker was stopped; another one goes on", retryable=True)


class AttemptOutcome:
    """Appends the commit that ends an attempt, after storing what the renderer made."""

    def __init__(self, parts: WorkerDependencies, lease: Lease, course: AttemptRecorder) -> None:
        self._parts = parts
        self._lease = lease
        self._course = course

    async def conclude(self, outcome: Outcome, watching: asyncio.Task[None], *, stopping: bool) -> None:
        """End the attempt as its rendering ended. `watching` is cancelled once nothing can change that any more.

        `stopping` says that the worker is being stopped. Raises `LeaseLost`.
        """
        command = await self._command(outcome, stopping)
        await self._course.book.flush()
        await self._course.weather.flush()  # no progress is seen after the end
        watching.cancel()
        await self._lease.record(command)
        self._tell(command)

    async def _command(self, outcome: Outcome, stopping: bool) -> Command:
        worker, attempt = self._parts.worker, self._lease.attempt
        if isinstance(outcome, FinishedMessage):
            try:
                artifacts = await self._stored(outcome)
            except LeaseLost:
                raise
            except Exception as error:
                logger.exception("the files of job %s cannot be stored", self._lease.job.id)
                message = f"the finished files could not be stored ({type(error).__name__})"
                outcome = FailedMessage(outcome.job_id, "STORE_FAILED", message, retryable=True)
            else:
                if not self._lease.job.cancel_requested:
                    media = media_facts(outcome)
                    return Complete(
                        id=new_id(),
                        actor=worker,
                        attempt=attempt,
                        artifacts=artifacts,
                        media=media,
                        gpu_seconds=outcome.device_seconds,
                    )
        if self._lease.job.cancel_requested:
            return ConfirmCancel(id=new_id(), actor=worker, attempt=attempt)
        cause = _error(outcome, stopping)
        return FailAttempt(
            id=new_id(), actor=worker, attempt=attempt, error=cause, retry_at=self._next_try(cause)
        )

    async def _stored(self, finished: FinishedMessage) -> tuple[Artifact, ...]:
        """Check and store the finished files."""
        course, store = self._course, self._parts.artifacts
        started = perf_counter()
        course.begin(Stage.SIGN)
        staged = await stage_files(store, finished.files)
        course.end(Stage.SIGN, perf_counter() - started)
        started = perf_counter()
        course.begin(Stage.STORE)
        artifacts = await commit_files(store, finished.files, staged)
        course.end(Stage.STORE, perf_counter() - started)
        return artifacts

    def _next_try(self, error: JobError) -> datetime:
        now = self._parts.clock()
        if error is STOPPED:
            return now
        return retry_at(self._lease.job, now, self._parts.timing.retry_seconds)

    def _tell(self, command: Command) -> None:
        """Say in the worker's log, and to those who watch the job, what has become of it."""
        status, job = self._parts.status, self._lease.job
        what = fields("attempt_ended", job=job.id, attempt=self._lease.attempt, status=job.status)
        match command:
            case Complete():
                status.jobs_completed += 1
                logger.info("job completed", extra=what)
            case FailAttempt(error=error):
                status.attempts_failed += 1
                logger.warning("attempt failed: %s: %s", error.code, error.message, extra=what)
                again = "" if job.status is not Status.QUEUED else "; it will be tried again"
                self._course.weather.line("ERROR", f"{error.message}{again}")
            case _:
                logger.info("job cancelled", extra=what)
                self._course.weather.line("INFO", "cancelled")


def media_facts(finished: FinishedMessage) -> MediaFacts:
    """Facts of the finished video as the log keeps them."""
    media = finished.media
    return MediaFacts(
        width=media.width,
        height=media.height,
        frames=media.frames,
        fps=media.fps,
        duration_seconds=media.duration_seconds,
        codec=media.codec,
        pixel_format=media.pixel_format,
        frame_hash=media.frame_hash,
    )


def _error(outcome: Outcome, stopping: bool) -> JobError:
    if stopping:
        return STOPPED
    match outcome:
        case FailedMessage(code=code, message=message, retryable=retryable):
            return JobError(code=code, message=message, retryable=retryable)
        case CancelledMessage():
            return JobError(code="RENDER_INTERRUPTED", message="rendering was interrupted", retryable=True)
        case FinishedMessage():
            raise AssertionError("a finished run leads to no error")
