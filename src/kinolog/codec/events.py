"""Events between the domain and the wire. A new event gets a line in both functions."""

from __future__ import annotations

from types import MappingProxyType

from kinolog.codec.enums import PRIORITY_FROM_WIRE, PRIORITY_TO_WIRE, STAGE_FROM_WIRE, STAGE_TO_WIRE
from kinolog.codec.times import get_time, put_time
from kinolog.codec.values import (
    get_artifact,
    get_error,
    get_media,
    get_scene,
    get_spec,
    put_artifact,
    put_error,
    put_media,
    put_scene,
    put_spec,
)
from kinolog.job import events as e
from kinolog.job.values import Runtime
from kinolog.v1 import event_pb2 as ev


class UnknownEvent(ValueError):
    """An event of a kind that this version does not know; upgrade before reading this log."""


def put_event(event: e.Event) -> ev.Event:
    """Event to the wire."""
    wire = _put_course(event)
    put_time(wire.at, event.at)
    return wire


def _put_course(event: e.Event) -> ev.Event:
    match event:
        case e.Submitted():
            return ev.Event(
                submitted=ev.Submitted(
                    spec=put_spec(event.spec),
                    tenant=event.tenant,
                    actor=event.actor,
                    request_id=event.request_id,
                    body_hash=event.body_hash,
                    priority=PRIORITY_TO_WIRE[event.priority],
                    max_attempts=event.max_attempts,
                    key_id=event.key_id,
                )
            )
        case e.Queued():
            queued = ev.Queued(attempt=event.attempt, priority=PRIORITY_TO_WIRE[event.priority])
            if event.not_before is not None:
                put_time(queued.not_before, event.not_before)
            return ev.Event(queued=queued)
        case e.StoryboardPlanned():
            return ev.Event(storyboard_planned=ev.StoryboardPlanned(scenes=map(put_scene, event.scenes)))
        case e.PrefetchRequested():
            return ev.Event(prefetch_requested=ev.PrefetchRequested(actor=event.actor))
        case e.PrefetchFinished():
            return ev.Event(
                prefetch_finished=ev.PrefetchFinished(
                    worker=event.worker, assets=event.assets, size_bytes=event.size_bytes
                )
            )
        case e.CancelRequested():
            return ev.Event(cancel_requested=ev.CancelRequested(actor=event.actor, reason=event.reason))
        case e.Reprioritized():
            return ev.Event(
                reprioritized=ev.Reprioritized(priority=PRIORITY_TO_WIRE[event.priority], actor=event.actor)
            )
        case e.Retried():
            return ev.Event(retried=ev.Retried(actor=event.actor))
        case e.Erased():
            return ev.Event(erased=ev.Erased(actor=event.actor))
        case _:
            return _put_work(event)


_Work = (
    e.AttemptStarted
    | e.StageStarted
    | e.StageFinished
    | e.SceneRendered
    | e.AttemptFailed
    | e.Cancelled
    | e.Completed
    | e.Failed
)


def _put_work(event: _Work) -> ev.Event:
    match event:
        case e.AttemptStarted(runtime=runtime):
            return ev.Event(
                attempt_started=ev.AttemptStarted(
                    attempt=event.attempt,
                    worker=event.worker,
                    hardware=runtime.hardware,
                    model_revision=runtime.model_revision,
                    libraries=runtime.libraries,
                )
            )
        case e.StageStarted():
            return ev.Event(
                stage_started=ev.StageStarted(
                    attempt=event.attempt, stage=STAGE_TO_WIRE[event.stage], scene=event.scene
                )
            )
        case e.StageFinished():
            return ev.Event(
                stage_finished=ev.StageFinished(
                    attempt=event.attempt,
                    stage=STAGE_TO_WIRE[event.stage],
                    scene=event.scene,
                    seconds=event.seconds,
                )
            )
        case e.SceneRendered():
            return ev.Event(
                scene_rendered=ev.SceneRendered(
                    attempt=event.attempt, scene=event.scene, artifact=put_artifact(event.artifact)
                )
            )
        case e.AttemptFailed():
            return ev.Event(
                attempt_failed=ev.AttemptFailed(attempt=event.attempt, error=put_error(event.error))
            )
        case e.Cancelled():
            return ev.Event(cancelled=ev.Cancelled(attempt=event.attempt))
        case e.Completed():
            return ev.Event(
                completed=ev.Completed(
                    attempt=event.attempt,
                    artifacts=map(put_artifact, event.artifacts),
                    media=put_media(event.media),
                    gpu_seconds=event.gpu_seconds,
                )
            )
        case e.Failed():
            return ev.Event(failed=ev.Failed(attempt=event.attempt, error=put_error(event.error)))


def get_event(wire: ev.Event) -> e.Event:
    """Event from the wire. Raises `UnknownEvent` for a kind of a later version."""
    at = get_time(wire.at)
    match wire.WhichOneof("kind"):
        case "submitted":
            s = wire.submitted
            return e.Submitted(
                at,
                get_spec(s.spec),
                s.tenant,
                s.actor,
                s.request_id,
                s.body_hash,
                PRIORITY_FROM_WIRE[s.priority],
                s.max_attempts,
                s.key_id,
            )
        case "queued":
            q = wire.queued
            not_before = get_time(q.not_before) if q.HasField("not_before") else None
            return e.Queued(at, q.attempt, PRIORITY_FROM_WIRE[q.priority], not_before)
        case "storyboard_planned":
            return e.StoryboardPlanned(at, tuple(map(get_scene, wire.storyboard_planned.scenes)))
        case "prefetch_requested":
            return e.PrefetchRequested(at, wire.prefetch_requested.actor)
        case "prefetch_finished":
            p = wire.prefetch_finished
            return e.PrefetchFinished(at, p.worker, tuple(p.assets), p.size_bytes)
        case "cancel_requested":
            return e.CancelRequested(at, wire.cancel_requested.actor, wire.cancel_requested.reason)
        case "reprioritized":
            r = wire.reprioritized
            return e.Reprioritized(at, PRIORITY_FROM_WIRE[r.priority], r.actor)
        case "retried":
            return e.Retried(at, wire.retried.actor)
        case "erased":
            return e.Erased(at, wire.erased.actor)
        case _:
            return _get_work(wire)


def _get_work(wire: ev.Event) -> e.Event:
    at = get_time(wire.at)
    match wire.WhichOneof("kind"):
        case "attempt_started":
            a = wire.attempt_started
            runtime = Runtime(a.hardware, a.model_revision, MappingProxyType(dict(a.libraries)))
            return e.AttemptStarted(at, a.attempt, a.worker, runtime)
        case "stage_started":
            b = wire.stage_started
            scene = b.scene if b.HasField("scene") else None
            return e.StageStarted(at, b.attempt, STAGE_FROM_WIRE[b.stage], scene)
        case "stage_finished":
            f = wire.stage_finished
            scene = f.scene if f.HasField("scene") else None
            return e.StageFinished(at, f.attempt, STAGE_FROM_WIRE[f.stage], f.seconds, scene)
        case "scene_rendered":
            s = wire.scene_rendered
            return e.SceneRendered(at, s.attempt, s.scene, get_artifact(s.artifact))
        case "attempt_failed":
            return e.AttemptFailed(at, wire.attempt_failed.attempt, get_error(wire.attempt_failed.error))
        case "cancelled":
            return e.Cancelled(at, wire.cancelled.attempt)
        case "completed":
            c = wire.completed
            artifacts = tuple(map(get_artifact, c.artifacts))
            return e.Completed(at, c.attempt, artifacts, get_media(c.media), c.gpu_seconds)
        case "failed":
            return e.Failed(at, wire.failed.attempt, get_error(wire.failed.error))
        case kind:
            raise UnknownEvent(f"an event of kind {kind}")
