"""Decide which events a command produces. Pure: the caller passes the time in and stores the events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from kinolog.counts import counted
from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.reproduction import reproduction_of
from kinolog.job.state import Job
from kinolog.job.values import JobError, Status

WORKER_LOST = JobError(
    code="WORKER_LOST", message="the worker stopped reporting while it held the job", retryable=True
)


START_TIMEOUT = "START_TIMEOUT"
"""Code of the error of a job that did not start by its deadline."""


class Refused(Exception):
    """The job does not accept the command in its current state.

    `reason` is a stable code for programs. The message is a sentence for people: what is wrong and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class LeaseLost(Refused):
    """The command is about an attempt that its worker does not hold."""

    def __init__(self, job: Job, attempt: int, worker: str) -> None:
        super().__init__(
            "LEASE_LOST",
            f"attempt {attempt} of job {job.id} is not held by {worker}: the job is {job.status} "
            f"in attempt {job.attempt} by {job.worker or 'no worker'}",
        )


def decide(job: Job | None, command: c.Command, at: datetime) -> list[e.Event]:
    """Return the events that a command produces for a job; `job` is None before its submit.

    The list is empty if nothing is left to do, such as for a command that was applied before. Raises `Refused` if
    the job does not accept the command in its current state.
    """
    if job is None:
        if isinstance(command, c.Submit):
            return _submit(command, at)
        raise Refused("JOB_NOT_FOUND", "there is no such job")
    if command.id in job.applied_commands:
        return []
    match command:
        case c.Submit():
            return _submit_again(job, command)
        case c.Pause() | c.Resume():
            return _decide_pause(job, command, at)
        case c.Cancel() | c.Retry() | c.Reprioritize() | c.Prefetch() | c.Erase():
            return _decide_client_command(job, command, at)
        case c.FinishErasure():
            return _finish_erasure(job, command, at)
        case c.GiveUp():
            return _give_up(job, command, at)
        case c.Expire():
            return _missed_start(job, at)
        case c.StartAttempt():
            return _start_attempt(job, command, at)
        case c.FinishPrefetch():
            return _finish_prefetch(job, command, at)
        case _:
            return _decide_worker_command(job, command, at)


def _submit(command: c.Submit, at: datetime) -> list[e.Event]:
    events: list[e.Event] = [
        e.Submitted(
            at=at,
            spec=command.spec,
            tenant=command.tenant,
            actor=command.actor,
            request_id=command.request_id,
            body_hash=command.body_hash,
            priority=command.priority,
            max_attempts=command.max_attempts,
            key_id=command.key_id,
            reproduces=command.reproduces,
            variant_of=command.variant_of,
            variant=command.variant,
        )
    ]
    if command.scenes:
        events.append(e.StoryboardPlanned(at=at, scenes=command.scenes))
    starts_later = command.start_after is not None and command.start_after > at
    not_before = command.start_after if starts_later else None
    timeout = timedelta(seconds=command.start_timeout_seconds)
    events.append(
        e.Queued(
            at=at,
            attempt=1,
            priority=command.priority,
            not_before=not_before,
            start_before=(not_before or at) + timeout if timeout else None,
        )
    )
    return events


def _submit_again(job: Job, command: c.Submit) -> list[e.Event]:
    if command.body_hash != job.body_hash:
        raise Refused(
            "REQUEST_ID_REUSED",
            f"request_id {command.request_id} was used for job {job.id} with another body; "
            "give each different request an id of its own",
        )
    return []


def _decide_client_command(
    job: Job, command: c.Cancel | c.Retry | c.Reprioritize | c.Prefetch | c.Erase, at: datetime
) -> list[e.Event]:
    match command, job.status:
        case c.Cancel(), Status.CANCELLED:
            return []
        case c.Cancel(actor=actor, reason=reason), Status.QUEUED:
            return [
                e.CancelRequested(at=at, actor=actor, sealed_reason=reason),
                e.Cancelled(at=at, attempt=0),
            ]
        case c.Cancel(actor=actor, reason=reason), Status.PROCESSING:
            return (
                [] if job.cancel_requested else [e.CancelRequested(at=at, actor=actor, sealed_reason=reason)]
            )
        case c.Cancel(), status:
            raise Refused("JOB_ENDED", f"job {job.id} is {status} already and cannot be cancelled")
        case c.Retry(actor=actor), Status.FAILED | Status.CANCELLED if not job.erased:
            return [
                e.Retried(at=at, actor=actor),
                e.Queued(at=at, attempt=job.attempt + 1, priority=job.priority),
            ]
        case c.Retry(), status:
            why = "erased" if job.erased else str(status)
            raise Refused(
                "JOB_NOT_RETRYABLE", f"job {job.id} is {why}; only failed and cancelled jobs can be retried"
            )
        case c.Reprioritize(priority=priority), Status.QUEUED | Status.PROCESSING:
            if priority is job.priority:
                return []
            return [e.Reprioritized(at=at, priority=priority, actor=command.actor)]
        case c.Reprioritize(), status:
            raise Refused("JOB_ENDED", f"job {job.id} is {status} already; its priority has no effect")
        case c.Prefetch(actor=actor), Status.QUEUED:
            return [] if job.prefetch_requested else [e.PrefetchRequested(at=at, actor=actor)]
        case c.Prefetch(), status:
            raise Refused("JOB_NOT_QUEUED", f"job {job.id} is {status}; only queued jobs are prefetched")
        case c.Erase(actor=actor, erasure_id=erasure_id), status if status.terminal:
            return [] if job.erased else [e.Erased(at=at, actor=actor, erasure_id=erasure_id)]
        case _, status:
            raise Refused("JOB_NOT_ENDED", f"job {job.id} is {status}; cancel it before you erase it")


def _finish_erasure(job: Job, command: c.FinishErasure, at: datetime) -> list[e.Event]:
    if not job.erased:
        raise Refused("JOB_NOT_ERASED", f"job {job.id} is not erased")
    if job.erasure_finished:
        return []
    return [e.ErasureFinished(at=at, files=command.files, sha256=command.sha256)]


def _decide_pause(job: Job, command: c.Pause | c.Resume, at: datetime) -> list[e.Event]:
    pauses = isinstance(command, c.Pause)
    if job.status.terminal:
        verb = "paused" if pauses else "resumed"
        raise Refused("JOB_ENDED", f"job {job.id} is {job.status} already and cannot be {verb}")
    if (job.paused_at is not None) is pauses:
        return []
    return [e.Paused(at=at, actor=command.actor) if pauses else e.Resumed(at=at, actor=command.actor)]


def _give_up(job: Job, command: c.GiveUp, at: datetime) -> list[e.Event]:
    if job.status.terminal:
        return []
    if job.cancel_requested:
        return [*_running_attempt_failed(job, WORKER_LOST, at), e.Cancelled(at=at, attempt=job.attempt)]
    failed = _running_attempt_failed(job, command.error, at)
    return [*failed, e.Failed(at=at, attempt=job.attempt, error=command.error)]


def _missed_start(job: Job, at: datetime) -> list[e.Event]:
    """Return the failure of a job that should have started by now; no event for another one."""
    if job.start_before is None or not job.missed_start(at):
        return []
    message = (
        f"no worker started the job before {job.start_before.isoformat(timespec='seconds')}, as its start_timeout "
        "wants it; retry it, or submit it with a longer one"
    )
    error = JobError(code=START_TIMEOUT, message=message, retryable=False)
    return [e.Failed(at=at, attempt=job.attempt, error=error)]


def _running_attempt_failed(job: Job, error: JobError, at: datetime) -> list[e.Event]:
    """Return the failure of the running attempt; no event if none runs."""
    if job.status is not Status.PROCESSING:
        return []
    return [e.AttemptFailed(at=at, attempt=job.attempt, error=error)]


def _start_attempt(job: Job, command: c.StartAttempt, at: datetime) -> list[e.Event]:
    if job.status.terminal:
        raise Refused("JOB_ENDED", f"job {job.id} is {job.status} already")
    if job.status is Status.PROCESSING and job.worker == command.actor:
        return []  # redelivery: this worker already holds the job
    if job.status is Status.QUEUED and job.paused_at is not None:
        raise Refused("PAUSED", f"job {job.id} is paused; resume it first")
    early = job.not_before is not None and at < job.not_before and not command.waited
    if job.status is Status.QUEUED and job.not_before is not None and early:
        raise Refused("NOT_YET", f"job {job.id} does not start before {job.not_before.isoformat()}")
    if missed := _missed_start(job, at):
        return missed
    lost = _running_attempt_failed(job, WORKER_LOST, at)
    if job.cancel_requested:
        return [*lost, e.Cancelled(at=at, attempt=job.attempt)]
    if job.attempt >= job.last_attempt:
        return [*lost, e.Failed(at=at, attempt=job.attempt, error=WORKER_LOST)]
    if job.paused_at is not None:
        return [*lost, e.Queued(at=at, attempt=job.attempt + 1, priority=job.priority)]
    started = e.AttemptStarted(
        at=at,
        attempt=job.attempt + 1,
        worker=command.actor,
        runtime=command.runtime,
        worker_key=command.worker_key,
    )
    return [*lost, started]


def _finish_prefetch(job: Job, command: c.FinishPrefetch, at: datetime) -> list[e.Event]:
    if not job.prefetch_requested:
        return []
    return [
        e.PrefetchFinished(at=at, worker=command.actor, assets=command.assets, size_bytes=command.size_bytes)
    ]


_WorkerCommand: TypeAlias = (
    c.RecordRuntime
    | c.RecordStages
    | c.RecordScene
    | c.RecordCheckpoint
    | c.Complete
    | c.FailAttempt
    | c.ConfirmCancel
)


def _decide_worker_command(job: Job, command: _WorkerCommand, at: datetime) -> list[e.Event]:
    """Decide a command of the worker that holds the job. Raises `LeaseLost` for every other worker."""
    held = job.status is Status.PROCESSING and job.attempt == command.attempt
    if not held or job.worker != command.actor:
        raise LeaseLost(job, command.attempt, command.actor)
    attempt = command.attempt
    match command:
        case c.RecordRuntime(runtime=runtime):
            return [e.RuntimeRecorded(at=at, attempt=attempt, runtime=runtime)]
        case c.RecordStages(marks=marks):
            return _stage_events(marks, attempt, job.updated_at, at)
        case c.RecordScene(scene=index):
            if not 0 <= index < len(job.scenes):
                raise Refused(
                    "NO_SUCH_SCENE", f"job {job.id} has {counted(len(job.scenes), 'scene')}, not {index + 1}"
                )
            return [
                e.SceneRendered(
                    at=at,
                    attempt=attempt,
                    scene=index,
                    artifact=command.artifact,
                    thumbnail=command.thumbnail,
                )
            ]
        case c.RecordCheckpoint(checkpoint=checkpoint):
            rendered = any(scene.index == checkpoint.scene and scene.artifact for scene in job.scenes)
            return [] if rendered else [e.CheckpointStored(at=at, checkpoint=checkpoint)]
        case c.Complete() if job.cancel_requested:
            return [e.Cancelled(at=at, attempt=attempt)]  # the cancel was accepted first
        case c.Complete():
            return [_completed(job, command, at)]
        case c.ConfirmCancel():
            if not job.cancel_requested:
                raise Refused(
                    "NOT_CANCELLED", f"job {job.id} has no cancel request; fail or complete the attempt"
                )
            return [e.Cancelled(at=at, attempt=attempt, percent=command.percent)]
        case c.FailAttempt():
            return _fail_attempt(job, command, at)


def _completed(job: Job, command: c.Complete, at: datetime) -> e.Completed:
    compared = command.compared
    runtime = job.attempts[-1].runtime
    return e.Completed(
        at=at,
        attempt=command.attempt,
        artifacts=command.artifacts,
        media=command.media,
        gpu_seconds=command.gpu_seconds,
        reproduction=None
        if compared is None
        else reproduction_of(compared, command.media.frame_hash, runtime),
    )


def _stage_events(
    marks: Sequence[c.StageMark], attempt: int, earliest: datetime, latest: datetime
) -> list[e.Event]:
    """Return the events of marks. Their times never decrease, also if the worker's clock was set back."""
    events: list[e.Event] = []
    for mark in marks:
        events.append(_stage_event(mark, attempt, events[-1].at if events else earliest, latest))
    return events


def _stage_event(mark: c.StageMark, attempt: int, earliest: datetime, latest: datetime) -> e.Event:
    """Return the event of a mark, its time moved into the range from `earliest` to `latest`."""
    at = min(max(mark.at, earliest), latest)
    if mark.seconds is None:
        return e.StageStarted(at=at, attempt=attempt, stage=mark.stage, scene=mark.scene)
    return e.StageFinished(at=at, attempt=attempt, stage=mark.stage, seconds=mark.seconds, scene=mark.scene)


def _fail_attempt(job: Job, command: c.FailAttempt, at: datetime) -> list[e.Event]:
    attempt, percent = command.attempt, command.percent
    failed = e.AttemptFailed(at=at, attempt=attempt, error=command.error, percent=percent)
    if job.cancel_requested:
        return [failed, e.Cancelled(at=at, attempt=attempt, percent=percent)]
    if command.error.retryable and (job.attempt < job.last_attempt or not command.error.counts):
        return [
            failed,
            e.Queued(at=at, attempt=job.attempt + 1, priority=job.priority, not_before=command.retry_at),
        ]
    return [failed, e.Failed(at=at, attempt=attempt, error=command.error, percent=percent)]
