"""How events make a job. Pure: the same events give the same job, for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from kinolog.job import events as e
from kinolog.job.state import REMEMBERED_COMMANDS, Job
from kinolog.job.values import Attempt, JobError, Scene, StageState, Status


class BrokenHistory(Exception):
    """Events that no decider could have produced."""


def evolve(job: Job | None, job_id: str, event: e.Event) -> Job:
    """Fold one event into a job. Raises `BrokenHistory` when the history does not begin with Submitted."""
    if job is not None:
        job = replace(job)
    return _evolve_in_place(job, job_id, event)


def fold(job: Job | None, job_id: str, events: Iterable[e.Event], command_id: str) -> Job:
    """Fold the events of one commit, and remember the command that led to them."""
    if job is not None:
        job = replace(job)  # one copy for all events, not one for each
    for event in events:
        job = _evolve_in_place(job, job_id, event)
    if job is None:
        raise BrokenHistory(f"a commit of job {job_id} without events")
    remembered = (*job.applied_commands, command_id)[-REMEMBERED_COMMANDS:]
    _set(job, {"applied_commands": remembered})
    return job


def _evolve_in_place(job: Job | None, job_id: str, event: e.Event) -> Job:
    """Change a job that nobody else has seen yet; the first event makes it."""
    if isinstance(event, e.Submitted):
        if job is not None:
            raise BrokenHistory(f"job {job_id} was submitted twice")
        return _submitted(job_id, event)
    if job is None:
        raise BrokenHistory(f"the history of job {job_id} begins with {type(event).__name__}")
    _set(job, _changes(job, event))
    _set(job, {"updated_at": event.at, "version": job.version + 1})
    return job


def _set(job: Job, changes: Mapping[str, object]) -> None:
    for name, value in changes.items():
        object.__setattr__(job, name, value)


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
        key_id=event.key_id,
    )


Changes: TypeAlias = dict[str, object]
"""New values of fields of a job."""


def _changes(job: Job, event: e.Event) -> Changes:
    match event:
        case e.Queued():
            return {
                "status": Status.QUEUED,
                "priority": event.priority,
                "not_before": event.not_before,
                "stages": (),
            }
        case e.StoryboardPlanned():
            return {"scenes": event.scenes}
        case e.PrefetchRequested():
            return {"prefetch_requested": True}
        case e.PrefetchFinished():
            return {"prefetch_requested": False}
        case e.CancelRequested():
            return {"cancel_requested": True}
        case e.Reprioritized():
            return {"priority": event.priority}
        case e.Retried():
            last_attempt = job.attempt + job.max_attempts
            return {
                "cancel_requested": False,
                "error": None,
                "finished_at": None,
                "last_attempt": last_attempt,
            }
        case e.Erased():
            return {"erased": True, "artifacts": (), "scenes": _unrendered(job.scenes)}
        case e.AttemptStarted() | e.AttemptFailed() | e.StageStarted() | e.StageFinished():
            return _attempt_changes(job, event)
        case e.SceneRendered():
            scenes = tuple(
                replace(scene, artifact=event.artifact) if scene.index == event.scene else scene
                for scene in job.scenes
            )
            return {"scenes": scenes}
        case e.Completed() | e.Failed() | e.Cancelled():
            return _terminal_changes(job, event)
        case e.Submitted():
            raise BrokenHistory(f"job {job.id} was submitted twice")


def _attempt_changes(
    job: Job, event: e.AttemptStarted | e.AttemptFailed | e.StageStarted | e.StageFinished
) -> Changes:
    match event:
        case e.AttemptStarted():
            attempt = Attempt(
                number=event.attempt, worker=event.worker, runtime=event.runtime, started_at=event.at
            )
            return {
                "status": Status.PROCESSING,
                "attempt": event.attempt,
                "attempts": (*job.attempts, attempt),
                "stages": (),
                "not_before": None,
                "started_at": job.started_at or event.at,
            }
        case e.AttemptFailed():
            last_attempt = job.last_attempt + (0 if event.error.counts else 1)
            return {"attempts": _ended(job, event, event.error), "last_attempt": last_attempt}
        case e.StageStarted():
            return {
                "stages": (*job.stages, StageState(stage=event.stage, scene=event.scene, started_at=event.at))
            }
        case e.StageFinished():
            stages = tuple(
                replace(s, seconds=event.seconds)
                if s.stage is event.stage and s.scene == event.scene and s.seconds is None
                else s
                for s in job.stages
            )
            return {"stages": stages}


def _terminal_changes(job: Job, event: e.Completed | e.Failed | e.Cancelled) -> Changes:
    attempts = job.attempts
    if attempts and attempts[-1].ended_at is None:
        attempts = _ended(job, event, event.error if isinstance(event, e.Failed) else None)
    ended: Changes = {"attempts": attempts, "finished_at": event.at, "prefetch_requested": False}
    match event:
        case e.Completed():
            return {
                **ended,
                "status": Status.COMPLETED,
                "artifacts": event.artifacts,
                "media": event.media,
                "gpu_seconds": job.gpu_seconds + event.gpu_seconds,
                "error": None,
            }
        case e.Failed():
            return {**ended, "status": Status.FAILED, "error": event.error}
        case e.Cancelled():
            return {**ended, "status": Status.CANCELLED}


def _unrendered(scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
    return tuple(replace(scene, artifact=None) for scene in scenes)


def _ended(job: Job, event: e.Event, error: JobError | None) -> tuple[Attempt, ...]:
    """The attempts with the last one ended."""
    if not job.attempts:
        return ()
    return (*job.attempts[:-1], replace(job.attempts[-1], ended_at=event.at, error=error))
