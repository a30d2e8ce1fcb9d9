"""The end of an attempt in the log: completed, failed, or cancelled."""

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

STOPPED = JobError(
    code=WORKER_STOPPED, message="the worker was stopped; another one continues", retryable=True
)


class OutcomeRecorder:
    """Stores the files of a rendered job and appends the commit that ends the attempt."""

    def __init__(self, dependencies: WorkerDependencies, lease: Lease, recorder: AttemptRecorder) -> None:
        self._dependencies = dependencies
        self._lease = lease
        self._recorder = recorder

    async def record(self, outcome: Outcome, watcher: asyncio.Task[None], *, stopping: bool) -> None:
        """End the attempt with the outcome of its rendering.

        `watcher` reacts to changes of the job; it is cancelled when the end is decided. `stopping` is true if the
        worker shuts down. Raises `LeaseLost`.
        """
        command = await self._decide(outcome, stopping)
        await self._recorder.stages.flush()
        await self._recorder.progress.flush()  # no progress is published after the end
        watcher.cancel()
        await self._lease.record(command)
        self._report(command)

    async def _decide(self, outcome: Outcome, stopping: bool) -> Command:
        worker, attempt = self._dependencies.worker, self._lease.attempt
        if isinstance(outcome, FinishedMessage):
            try:
                artifacts = await self._store_files(outcome)
            except LeaseLost:
                raise
            except Exception as error:
                logger.exception("the files of job %s cannot be stored", self._lease.job.id)
                outcome = FailedMessage(
                    job_id=outcome.job_id,
                    code="STORE_FAILED",
                    message=f"the finished files could not be stored ({type(error).__name__})",
                    retryable=True,
                )
            else:
                if not self._lease.job.cancel_requested:
                    return Complete(
                        id=new_id(),
                        actor=worker,
                        attempt=attempt,
                        artifacts=artifacts,
                        media=media_facts(outcome),
                        gpu_seconds=outcome.device_seconds,
                    )
        if self._lease.job.cancel_requested:
            return ConfirmCancel(id=new_id(), actor=worker, attempt=attempt)
        job_error = _job_error(outcome, stopping)
        return FailAttempt(
            id=new_id(), actor=worker, attempt=attempt, error=job_error, retry_at=self._retry_at(job_error)
        )

    async def _store_files(self, finished: FinishedMessage) -> tuple[Artifact, ...]:
        """Check and store the finished files."""
        recorder, store = self._recorder, self._dependencies.artifacts
        started = perf_counter()
        recorder.start_stage(Stage.SIGN)
        staged = await stage_files(store, finished.files)
        recorder.finish_stage(Stage.SIGN, perf_counter() - started)
        started = perf_counter()
        recorder.start_stage(Stage.STORE)
        artifacts = await commit_files(store, finished.files, staged)
        recorder.finish_stage(Stage.STORE, perf_counter() - started)
        return artifacts

    def _retry_at(self, error: JobError) -> datetime:
        now = self._dependencies.clock()
        if error is STOPPED:
            return now
        return retry_at(self._lease.job, now, self._dependencies.timing.first_retry_seconds)

    def _report(self, command: Command) -> None:
        """Write the outcome into the worker's log and the job's log lines."""
        status, job = self._dependencies.status, self._lease.job
        facts = fields("attempt_ended", job=job.id, attempt=self._lease.attempt, status=job.status)
        match command:
            case Complete():
                status.jobs_completed += 1
                logger.info("job completed", extra=facts)
            case FailAttempt(error=error):
                status.attempts_failed += 1
                logger.warning("attempt failed: %s: %s", error.code, error.message, extra=facts)
                suffix = "" if job.status is not Status.QUEUED else "; it will be tried again"
                self._recorder.progress.put_log_line("ERROR", f"{error.message}{suffix}")
            case _:
                logger.info("job cancelled", extra=facts)
                self._recorder.progress.put_log_line("INFO", "cancelled")


def media_facts(finished: FinishedMessage) -> MediaFacts:
    """Return the facts of the finished video that the log stores."""
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


def _job_error(outcome: Outcome, stopping: bool) -> JobError:
    if stopping:
        return STOPPED
    match outcome:
        case FailedMessage(code=code, message=message, retryable=retryable):
            return JobError(code=code, message=message, retryable=retryable)
        case CancelledMessage():
            return JobError(code="RENDER_INTERRUPTED", message="rendering was interrupted", retryable=True)
        case FinishedMessage():
            raise AssertionError("a finished rendering has no error")
