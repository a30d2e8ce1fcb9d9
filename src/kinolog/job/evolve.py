"""How events make a job. Pure: the same events give the same job, for ever."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kinolog.job import events as e
from kinolog.job.state import REMEMBERED_COMMANDS, Job
from kinolog.job.values import Attempt, JobError, Scene, StageState, Status


class BrokenHistory(Exception):
    """Events that no decider could have produced."""


def evolve(job: Job | None, job_id: str, event: e.Event) -> Job:
    """Fold one event into a job. Raises `BrokenHistory` when the history does not begin with Submitted."""
    if isinstance(event, e.Submitted):
        if job is not None:
            raise BrokenHistory(f"job {job_id} was submitted twice")
        return _submitted(job_id, event)
    if job is None:
        raise BrokenHistory(f"the history of job {job_id} begins with {type(event).__name__}")
    evolved = _apply(job, event)  # a fresh job that nobody else has seen: no need to copy it once more
    object.__setattr__(evolved, "updated_at", event.at)
    object.__setattr__(evolved, "version", job.version + 1)
    return evolved


def fold(job: Job | None, job_id: str, events: Iterable[e.Event], command_id: str) -> Job:
    """Fold the events of one commit, and remember the command that led to them."""
    for event in events:
        job = evolve(job, job_id, event)
    if job is None:
        raise BrokenHistory(f"a commit of job {job_id} without events")
    remembered = (*job.applied_commands, command_id)[-REMEMBERED_COMMANDS:]
    return replace(job, applied_commands=remembered)


def _submitted(job_id: str, event: e.Submitted) -> Job:
    return Job(
        id=job_id,
        tenant=event.tenant,
        actor=event.actor,
        request_id=event.request_id,
        body_hash=event.body_hash,
        spec=event.spec,
        status=Status.QUEUED,
        priority=event.priority,
        max_attempts=event.max_attempts,
        last_attempt=event.max_attempts,
        created_at=event.at,
        updated_at=event.at,
        version=1,
    )


def _apply(job: Job, event: e.Event) -> Job:
    match event:
        case e.Queued():
            return replace(
                job, status=Status.QUEUED, priority=event.priority, not_before=event.not_before, stages=()
            )
        case e.StoryboardPlanned():
            return replace(job, scenes=event.scenes)
        case e.PrefetchRequested():
            return replace(job, prefetch_requested=True)
        case e.PrefetchFinished():
            return replace(job, prefetch_requested=False)
        case e.CancelRequested():
            return replace(job, cancel_requested=True)
        case e.Reprioritized():
            return replace(job, priority=event.priority)
        case e.Retried():
            return replace(
                job,
                cancel_requested=False,
                error=None,
                finished_at=None,
                last_attempt=job.attempt + job.max_attempts,
            )
        case e.Erased():
            return replace(job, erased=True, artifacts=(), scenes=_unrendered(job.scenes))
        case e.AttemptStarted() | e.AttemptFailed() | e.StageStarted() | e.StageFinished():
            return _apply_attempt(job, event)
        case e.SceneRendered():
            scenes = tuple(
                replace(scene, artifact=event.artifact) if scene.index == event.scene else scene
                for scene in job.scenes
            )
            return replace(job, scenes=scenes)
        case e.Completed() | e.Failed() | e.Cancelled():
            return _apply_terminal(job, event)
        case e.Submitted():
            raise BrokenHistory(f"job {job.id} was submitted twice")


def _apply_attempt(
    job: Job, event: e.AttemptStarted | e.AttemptFailed | e.StageStarted | e.StageFinished
) -> Job:
    match event:
        case e.AttemptStarted():
            attempt = Attempt(event.attempt, event.worker, event.runtime, event.at)
            return replace(
                job,
                status=Status.PROCESSING,
                attempt=event.attempt,
                attempts=(*job.attempts, attempt),
                stages=(),
                not_before=None,
                started_at=job.started_at or event.at,
            )
        case e.AttemptFailed():
            return replace(job, attempts=_ended(job, event, event.error))
        case e.StageStarted():
            return replace(job, stages=(*job.stages, StageState(event.stage, event.scene, event.at)))
        case e.StageFinished():
            stages = tuple(
                replace(s, seconds=event.seconds)
                if s.stage is event.stage and s.scene == event.scene and s.seconds is None
                else s
                for s in job.stages
            )
            return replace(job, stages=stages)


def _apply_terminal(job: Job, event: e.Completed | e.Failed | e.Cancelled) -> Job:
    attempts = job.attempts
    if attempts and attempts[-1].ended_at is None:
        attempts = _ended(job, event, event.error if isinstance(event, e.Failed) else None)
    ended = replace(job, attempts=attempts, finished_at=event.at, prefetch_requested=False)
    match event:
        case e.Completed():
            return replace(
                ended,
                status=Status.COMPLETED,
                artifacts=event.artifacts,
                media=event.media,
                gpu_seconds=job.gpu_seconds + event.gpu_seconds,
                error=None,
            )
        case e.Failed():
            return replace(ended, status=Status.FAILED, error=event.error)
        case e.Cancelled():
            return replace(ended, status=Status.CANCELLED)


def _unrendered(scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
    return tuple(replace(scene, artifact=None) for scene in scenes)


def _ended(job: Job, event: e.Event, error: JobError | None) -> tuple[Attempt, ...]:
    """The attempts with the last one ended."""
    if not job.attempts:
        return ()
    return (*job.attempts[:-1], replace(job.attempts[-1], ended_at=event.at, error=error))
