"""Convert events to and from their proto messages. A new event gets a case in both directions."""

from __future__ import annotations

from datetime import datetime

from kinolog.codec.enums import (
    PRIORITY_FROM_PROTO,
    PRIORITY_TO_PROTO,
    STAGE_FROM_PROTO,
    STAGE_TO_PROTO,
    UnknownEvent,
)
from kinolog.codec.state import (
    checkpoint_from_proto,
    checkpoint_to_proto,
    reproduction_from_proto,
    reproduction_to_proto,
)
from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.codec.values import (
    artifact_from_proto,
    artifact_to_proto,
    error_from_proto,
    error_to_proto,
    media_from_proto,
    media_to_proto,
    runtime_fields,
    runtime_from_proto,
    scene_from_proto,
    scene_to_proto,
    sealed_from_proto,
    sealed_to_proto,
    spec_from_proto,
    spec_to_proto,
)
from kinolog.job import events as e
from kinolog.v1 import event_pb2 as ev


def event_to_proto(event: e.Event) -> ev.Event:
    """Return the proto message of an event."""
    wire = _kind_to_proto(event)
    time_to_proto(wire.at, event.at)
    return wire


def _kind_to_proto(event: e.Event) -> ev.Event:
    """Return the message of an event without its time."""
    match event:
        case e.Submitted():
            return ev.Event(
                submitted=ev.Submitted(
                    spec=spec_to_proto(event.spec),
                    tenant=event.tenant,
                    actor=event.actor,
                    request_id=event.request_id,
                    body_hash=event.body_hash,
                    priority=PRIORITY_TO_PROTO[event.priority],
                    max_attempts=event.max_attempts,
                    key_id=event.key_id,
                    reproduces=event.reproduces,
                    variant_of=event.variant_of,
                    variant=event.variant,
                )
            )
        case e.Queued():
            queued = ev.Queued(attempt=event.attempt, priority=PRIORITY_TO_PROTO[event.priority])
            if event.not_before is not None:
                time_to_proto(queued.not_before, event.not_before)
            if event.start_before is not None:
                time_to_proto(queued.start_before, event.start_before)
            return ev.Event(queued=queued)
        case e.StoryboardPlanned():
            return ev.Event(storyboard_planned=ev.StoryboardPlanned(scenes=map(scene_to_proto, event.scenes)))
        case e.PrefetchRequested():
            return ev.Event(prefetch_requested=ev.PrefetchRequested(actor=event.actor))
        case e.PrefetchFinished():
            return ev.Event(
                prefetch_finished=ev.PrefetchFinished(
                    worker=event.worker, assets=event.assets, size_bytes=event.size_bytes
                )
            )
        case e.CancelRequested():
            sealed = None if event.sealed_reason is None else sealed_to_proto(event.sealed_reason)
            return ev.Event(
                cancel_requested=ev.CancelRequested(
                    actor=event.actor, reason=event.reason, sealed_reason=sealed
                )
            )
        case e.Reprioritized():
            return ev.Event(
                reprioritized=ev.Reprioritized(priority=PRIORITY_TO_PROTO[event.priority], actor=event.actor)
            )
        case e.Paused():
            return ev.Event(paused=ev.Paused(actor=event.actor))
        case e.Resumed():
            return ev.Event(resumed=ev.Resumed(actor=event.actor))
        case e.Retried():
            return ev.Event(retried=ev.Retried(actor=event.actor))
        case e.Erased():
            return ev.Event(erased=ev.Erased(actor=event.actor, erasure_id=event.erasure_id))
        case e.ErasureFinished():
            return ev.Event(erasure_finished=ev.ErasureFinished(files=event.files, sha256=event.sha256))
        case _:
            return _attempt_kind_to_proto(event)


_AttemptEvent = (
    e.AttemptStarted
    | e.RuntimeRecorded
    | e.StageStarted
    | e.StageFinished
    | e.SceneRendered
    | e.CheckpointStored
    | e.AttemptFailed
    | e.Cancelled
    | e.Completed
    | e.Failed
)


def _attempt_kind_to_proto(event: _AttemptEvent) -> ev.Event:
    match event:
        case e.AttemptStarted(runtime=runtime):
            return ev.Event(
                attempt_started=ev.AttemptStarted(
                    attempt=event.attempt,
                    worker=event.worker,
                    worker_key=event.worker_key,
                    **runtime_fields(runtime),
                )
            )
        case e.RuntimeRecorded(runtime=runtime):
            return ev.Event(
                runtime_recorded=ev.RuntimeRecorded(attempt=event.attempt, **runtime_fields(runtime))
            )
        case e.StageStarted():
            return ev.Event(
                stage_started=ev.StageStarted(
                    attempt=event.attempt, stage=STAGE_TO_PROTO[event.stage], scene=event.scene
                )
            )
        case e.StageFinished():
            return ev.Event(
                stage_finished=ev.StageFinished(
                    attempt=event.attempt,
                    stage=STAGE_TO_PROTO[event.stage],
                    scene=event.scene,
                    seconds=event.seconds,
                )
            )
        case e.SceneRendered():
            return ev.Event(
                scene_rendered=ev.SceneRendered(
                    attempt=event.attempt,
                    scene=event.scene,
                    artifact=artifact_to_proto(event.artifact),
                    thumbnail=None if event.thumbnail is None else artifact_to_proto(event.thumbnail),
                )
            )
        case e.CheckpointStored():
            return ev.Event(checkpoint_stored=checkpoint_to_proto(event.checkpoint))
        case e.AttemptFailed():
            return ev.Event(
                attempt_failed=ev.AttemptFailed(
                    attempt=event.attempt, error=error_to_proto(event.error), percent=event.percent
                )
            )
        case e.Cancelled():
            return ev.Event(cancelled=ev.Cancelled(attempt=event.attempt, percent=event.percent))
        case e.Completed():
            return ev.Event(
                completed=ev.Completed(
                    attempt=event.attempt,
                    artifacts=map(artifact_to_proto, event.artifacts),
                    media=media_to_proto(event.media),
                    gpu_seconds=event.gpu_seconds,
                    reproduction=reproduction_to_proto(event.reproduction) if event.reproduction else None,
                )
            )
        case e.Failed():
            return ev.Event(
                failed=ev.Failed(
                    attempt=event.attempt, error=error_to_proto(event.error), percent=event.percent
                )
            )


def event_from_proto(wire: ev.Event) -> e.Event:
    """Return the event in a proto message. Raises `UnknownEvent` for a kind or a value of a later version."""
    at, kind = time_from_proto(wire.at), wire.WhichOneof("kind")
    match kind:
        case "submitted":
            s = wire.submitted
            return e.Submitted(
                at=at,
                spec=spec_from_proto(s.spec),
                tenant=s.tenant,
                actor=s.actor,
                request_id=s.request_id,
                body_hash=s.body_hash,
                priority=PRIORITY_FROM_PROTO[s.priority],
                max_attempts=s.max_attempts,
                key_id=s.key_id,
                reproduces=s.reproduces,
                variant_of=s.variant_of,
                variant=s.variant,
            )
        case "queued":
            q = wire.queued
            return e.Queued(
                at=at,
                attempt=q.attempt,
                priority=PRIORITY_FROM_PROTO[q.priority],
                not_before=time_from_proto(q.not_before) if q.HasField("not_before") else None,
                start_before=time_from_proto(q.start_before) if q.HasField("start_before") else None,
            )
        case "storyboard_planned":
            return e.StoryboardPlanned(
                at=at, scenes=tuple(map(scene_from_proto, wire.storyboard_planned.scenes))
            )
        case "prefetch_requested":
            return e.PrefetchRequested(at=at, actor=wire.prefetch_requested.actor)
        case "prefetch_finished":
            p = wire.prefetch_finished
            return e.PrefetchFinished(at=at, worker=p.worker, assets=tuple(p.assets), size_bytes=p.size_bytes)
        case "cancel_requested":
            cancel = wire.cancel_requested
            has_sealed = cancel.HasField("sealed_reason")
            return e.CancelRequested(
                at=at,
                actor=cancel.actor,
                reason=cancel.reason,
                sealed_reason=sealed_from_proto(cancel.sealed_reason) if has_sealed else None,
            )
        case "reprioritized":
            r = wire.reprioritized
            return e.Reprioritized(at=at, priority=PRIORITY_FROM_PROTO[r.priority], actor=r.actor)
        case "paused":
            return e.Paused(at=at, actor=wire.paused.actor)
        case "resumed":
            return e.Resumed(at=at, actor=wire.resumed.actor)
        case "retried":
            return e.Retried(at=at, actor=wire.retried.actor)
        case "erased":
            return e.Erased(at=at, actor=wire.erased.actor, erasure_id=wire.erased.erasure_id)
        case "erasure_finished":
            finished = wire.erasure_finished
            return e.ErasureFinished(at=at, files=finished.files, sha256=tuple(finished.sha256))
        case _:
            return _attempt_event_from_proto(wire, kind, at)


def _attempt_event_from_proto(wire: ev.Event, kind: str | None, at: datetime) -> e.Event:
    match kind:
        case "attempt_started":
            a = wire.attempt_started
            return e.AttemptStarted(
                at=at,
                attempt=a.attempt,
                worker=a.worker,
                runtime=runtime_from_proto(a),
                worker_key=a.worker_key,
            )
        case "runtime_recorded":
            r = wire.runtime_recorded
            return e.RuntimeRecorded(at=at, attempt=r.attempt, runtime=runtime_from_proto(r))
        case "stage_started":
            b = wire.stage_started
            scene = b.scene if b.HasField("scene") else None
            return e.StageStarted(at=at, attempt=b.attempt, stage=STAGE_FROM_PROTO[b.stage], scene=scene)
        case "stage_finished":
            f = wire.stage_finished
            scene = f.scene if f.HasField("scene") else None
            return e.StageFinished(
                at=at, attempt=f.attempt, stage=STAGE_FROM_PROTO[f.stage], seconds=f.seconds, scene=scene
            )
        case "scene_rendered":
            s = wire.scene_rendered
            return e.SceneRendered(
                at=at,
                attempt=s.attempt,
                scene=s.scene,
                artifact=artifact_from_proto(s.artifact),
                thumbnail=artifact_from_proto(s.thumbnail) if s.HasField("thumbnail") else None,
            )
        case "checkpoint_stored":
            return e.CheckpointStored(at=at, checkpoint=checkpoint_from_proto(wire.checkpoint_stored))
        case "attempt_failed":
            g = wire.attempt_failed
            return e.AttemptFailed(
                at=at, attempt=g.attempt, error=error_from_proto(g.error), percent=g.percent
            )
        case "cancelled":
            return e.Cancelled(at=at, attempt=wire.cancelled.attempt, percent=wire.cancelled.percent)
        case "completed":
            c = wire.completed
            artifacts = tuple(map(artifact_from_proto, c.artifacts))
            return e.Completed(
                at=at,
                attempt=c.attempt,
                artifacts=artifacts,
                media=media_from_proto(c.media),
                gpu_seconds=c.gpu_seconds,
                reproduction=reproduction_from_proto(c.reproduction) if c.HasField("reproduction") else None,
            )
        case "failed":
            h = wire.failed
            return e.Failed(at=at, attempt=h.attempt, error=error_from_proto(h.error), percent=h.percent)
        case _:
            raise UnknownEvent(
                f"this version does not know the event kind {kind}; upgrade it to read this log"
            )
