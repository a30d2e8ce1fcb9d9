"""The end of an attempt in the log: completed, failed, or cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from errno import ENOSPC
from functools import partial
from time import perf_counter
from typing import TypeVar

from kinolog.counts import counted
from kinolog.ids import new_id
from kinolog.job.commands import Command, Complete, ConfirmCancel, FailAttempt
from kinolog.job.interruption import INTERRUPTED, PAUSED, PREEMPTED, WORKER_STOPPED
from kinolog.job.server_errors import SERVER_LOST_JOB
from kinolog.job.state import Job
from kinolog.job.values import (
    NEIGHBOUR_ENDED,
    RENDERER_STOPPED,
    SCRATCH_FULL,
    Artifact,
    JobError,
    MediaFacts,
    Stage,
    Status,
)
from kinolog.ports.alarms import STORAGE_FULL, Alarm, AlarmSeverity
from kinolog.ports.artifacts import ArtifactsUnavailable, job_folder
from kinolog.process.backoff import Backoff
from kinolog.process.files.full_disk import NO_ROOM
from kinolog.process.logs import fields
from kinolog.provenance import SigningFailed, UnsignableVideo
from kinolog_worker.attempt.artifact_files import commit_files, stage_files
from kinolog_worker.attempt.attempt_recorder import AttemptRecorder
from kinolog_worker.attempt.interruptions.interruption import Interruption
from kinolog_worker.attempt.lease import NOT_OF_THE_ATTEMPT, Lease
from kinolog_worker.attempt.originals.reproduced_job import ReproducedJob
from kinolog_worker.attempt.retry_delay import retry_at
from kinolog_worker.attempt.scratch_room import ScratchRoom
from kinolog_worker.attempt.video_signing import VideoSigning
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import (
    ArtifactFile,
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    Outcome,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

LIMITED = frozenset({RENDERER_STOPPED, NEIGHBOUR_ENDED, SERVER_LOST_JOB})
"""Error codes that do not count, and end a job if all its last attempts ended with one of them."""

LEAST_STOPS = 2
"""A job with a single attempt is tried again after one stop."""

DETAIL_HINT = "; the job's log lines say more"
"""Added to the message of an error whose text may quote the prompt: it is sealed in the log lines."""

STORE_BACKOFF = Backoff(first_seconds=0.5, longest_seconds=5.0)
"""Pauses between tries to store files in a store that is full or does not answer."""

ARTIFACTS_ALARM = f"{STORAGE_FULL}-artifacts"
"""Name of the alarm while files of a finished job cannot be stored."""

SIGNING_ALARM = "signing"
"""Name of the alarm while the video of a finished job cannot be signed."""


class _StoringInterrupted(Exception):
    """The attempt has to end before its files are stored."""


@dataclass(frozen=True, slots=True)
class _OwnTrouble:
    """Trouble of a part of kinolog: a finished job waits until it is over. `text` says what to do, for operators."""

    error: type[Exception]
    alarm: str
    log_line: str
    text: str


_STORE_TROUBLE = _OwnTrouble(
    ArtifactsUnavailable,
    ARTIFACTS_ALARM,
    "the store of videos does not accept the files; they are stored later",
    "cannot store the files of a finished job (KINOLOG_ARTIFACTS_URL). Make room in the store, or make it reachable; "
    "the job waits and completes by itself.",
)
_SIGNING_TROUBLE = _OwnTrouble(
    SigningFailed,
    SIGNING_ALARM,
    "the video cannot be signed now; it is signed later",
    "cannot sign the video of a finished job; its log gives the reason. Correct the files of "
    "KINOLOG_SIGNING_CERTIFICATE and KINOLOG_SIGNING_KEY; the job waits and completes by itself.",
)


class OutcomeRecorder:
    """Stores the files of a rendered job and appends the commit that ends the attempt."""

    def __init__(
        self,
        dependencies: WorkerDependencies,
        lease: Lease,
        recorder: AttemptRecorder,
        room: ScratchRoom,
        interruption: Interruption,
        original: ReproducedJob,
    ) -> None:
        self._original = original
        self._dependencies = dependencies
        self._lease = lease
        self._recorder = recorder
        self._room = room
        self._interruption = interruption
        self._detail = ""
        """The text of the error that ended the attempt. It may quote the prompt."""

    async def record(self, outcome: Outcome, watcher: asyncio.Task[None]) -> None:
        """End the attempt with the outcome of its rendering.

        `watcher` reacts to changes of the job; it is cancelled when the end is decided. Raises `LeaseLost` and
        `DamagedLog`.
        """
        command = await self._decide(outcome)
        self._recorder.end()
        await self._recorder.stages.flush()
        await self._recorder.progress.flush()  # no progress is published after the end
        watcher.cancel()
        await self._lease.record(command)
        self._report(command)

    async def _decide(self, outcome: Outcome) -> Command:
        worker, attempt = self._dependencies.worker, self._lease.attempt
        if isinstance(outcome, FinishedMessage):
            try:
                artifacts = await self._store_files(outcome)
            except NOT_OF_THE_ATTEMPT:
                raise
            except _StoringInterrupted:
                outcome = CancelledMessage(job_id=outcome.job_id)
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
                        compared=self._original.compared(outcome),
                    )
        if self._lease.job.cancel_requested:
            return ConfirmCancel(id=new_id(), actor=worker, attempt=attempt, percent=self._recorder.percent)
        if isinstance(outcome, FailedMessage) and outcome.retryable and self._room.is_out():
            outcome = replace(outcome, code=SCRATCH_FULL, message=NO_ROOM)
        job_error = _limited(_job_error(outcome, self._interruption.error), self._lease.job)
        if isinstance(outcome, FailedMessage) and job_error.code == outcome.code:
            self._detail = outcome.detail
        if job_error.code == SCRATCH_FULL:
            self._room.ran_out()
        return FailAttempt(
            id=new_id(),
            actor=worker,
            attempt=attempt,
            error=job_error,
            retry_at=self._retry_at(job_error),
            percent=self._recorder.percent,
        )

    async def _store_files(self, finished: FinishedMessage) -> tuple[Artifact, ...]:
        """Sign, check and store the finished files."""
        recorder, store = self._recorder, self._dependencies.artifacts
        files = await self._signed_files(finished)
        job = self._lease.job
        started = perf_counter()
        recorder.start_stage(Stage.STORE)
        staged = await self._until_over(
            _STORE_TROUBLE, partial(stage_files, store, files, job_folder(job.tenant, job.id))
        )
        try:
            artifacts = await self._until_over(_STORE_TROUBLE, partial(commit_files, store, files, staged))
        except _StoringInterrupted:
            await asyncio.gather(*map(store.discard, staged), return_exceptions=True)
            raise
        recorder.finish_stage(Stage.STORE, perf_counter() - started)
        return artifacts

    async def _signed_files(self, finished: FinishedMessage) -> tuple[ArtifactFile, ...]:
        """Return the files with a signed video. Without a certificate nothing is signed, and there is no such stage."""
        if self._dependencies.signer is None:
            return finished.files
        started = perf_counter()
        self._recorder.start_stage(Stage.SIGN)
        await self._recorder.stages.flush()  # the video names the commit of this
        signing = VideoSigning(self._dependencies, self._lease)

        async def sign() -> tuple[ArtifactFile, ...]:
            try:
                return await signing.signed_files(finished)
            except (SigningFailed, UnsignableVideo) as error:
                if self._room.is_out():
                    raise OSError(ENOSPC, "no room for the signed video") from error
                raise

        files = await self._until_over(_SIGNING_TROUBLE, sign)
        self._recorder.finish_stage(Stage.SIGN, perf_counter() - started)
        return files

    async def _until_over(self, trouble: _OwnTrouble, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns. Try again while it raises the error of `trouble`, which is not the job's.

        Raises `_StoringInterrupted` if the attempt has to end first.
        """
        pauses, waits = STORE_BACKOFF.pauses(), False
        try:
            while True:
                try:
                    return await work()
                except trouble.error as error:
                    if not waits:
                        logger.warning("finished job %s waits: %s", self._lease.job.id, error)
                        self._recorder.progress.put_log_line("WARNING", trouble.log_line)
                    waits = True
                    await self._raise_alarm(trouble)
                try:
                    async with asyncio.timeout(next(pauses)):
                        await self._interruption.urgent.wait()
                except TimeoutError:
                    continue
                raise _StoringInterrupted
        finally:
            if waits:
                await self._dependencies.alarms.clear(trouble.alarm)

    async def _raise_alarm(self, trouble: _OwnTrouble) -> None:
        alarms = self._dependencies.alarms
        await alarms.raise_alarm(
            Alarm(
                name=trouble.alarm,
                severity=AlarmSeverity.WARNING,
                text=f"{alarms.source} {trouble.text}",
                source=alarms.source,
                since=self._dependencies.clock(),
            )
        )

    def _retry_at(self, error: JobError) -> datetime:
        now = self._dependencies.clock()
        if error.code in INTERRUPTED:
            return now  # at once
        return retry_at(self._lease.job, now, self._dependencies.timing.first_retry_seconds)

    def _report(self, command: Command) -> None:
        """Write the outcome into the worker's log and the job's log lines."""
        status, job = self._dependencies.status, self._lease.job
        facts = fields("attempt_ended", job=job.id, attempt=self._lease.attempt, status=job.status)
        match command:
            case Complete() if job.status is not Status.CANCELLED:
                self._room.sufficed()
                status.jobs_completed += 1
                logger.info("job completed", extra=facts)
            case FailAttempt(error=error) if error.code in (PREEMPTED, PAUSED):
                logger.info("attempt ended: %s", error.code, extra=facts)
                self._recorder.progress.put_log_line("INFO", error.message)
            case FailAttempt(error=error):
                status.attempts_failed += error.counts
                logger.warning("attempt failed: %s: %s", error.code, error.message, extra=facts)
                suffix = "" if job.status is not Status.QUEUED else "; it will be tried again"
                public = f"{error.message.removesuffix(DETAIL_HINT)}{suffix}"
                self._recorder.progress.put_log_line("ERROR", public, self._detail)
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
        audio_codec=media.audio_codec,
        audio_sample_rate=media.audio_sample_rate,
        audio_channels=media.audio_channels,
    )


def _limited(error: JobError, job: Job) -> JobError:
    """Return the error, final if the last attempts all ended with its code, as many as the job may have (decision 73).

    Whoever stops one process does not mean the job. What stops it in every attempt would go on without end.
    """
    if error.code not in LIMITED:
        return error
    ends = 1
    for attempt in reversed(job.attempts):
        earlier = attempt.error
        if earlier is None:  # the attempt that ends now
            continue
        if earlier.code == error.code and earlier.retryable:
            ends += 1
        elif earlier.counts or not earlier.retryable:  # these have an end, or a user has tried the job again
            break
    if ends < max(job.max_attempts, LEAST_STOPS):
        return error
    return replace(
        error, message=f"{error.message} in {counted(ends, 'attempt')} of this job", retryable=False
    )


def _job_error(outcome: Outcome, interruption: JobError | None) -> JobError:
    """Return why the attempt failed. A stop of the worker explains whatever became of the rendering."""
    is_stopped = interruption is not None and interruption.code == WORKER_STOPPED
    if interruption is not None and (is_stopped or isinstance(outcome, CancelledMessage)):
        return interruption
    match outcome:
        case FailedMessage(code=code, message=message, retryable=retryable, detail=detail):
            hint = DETAIL_HINT if detail else ""
            return JobError(code=code, message=f"{message}{hint}", retryable=retryable)
        case CancelledMessage():
            return JobError(code="RENDER_INTERRUPTED", message="rendering was interrupted", retryable=True)
        case FinishedMessage():
            raise AssertionError("a finished rendering has no error")
