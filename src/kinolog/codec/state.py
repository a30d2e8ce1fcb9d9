"""The folded state that every commit carries, between the domain and the wire."""

from __future__ import annotations

from collections.abc import Iterable

from kinolog.codec.enums import PRIORITY_FROM_WIRE, PRIORITY_TO_WIRE, STATUS_FROM_WIRE, STATUS_TO_WIRE
from kinolog.codec.times import get_time, put_time
from kinolog.codec.values import (
    get_artifact,
    get_attempt,
    get_error,
    get_media,
    get_scene,
    get_spec,
    get_stage,
    put_artifact,
    put_attempt,
    put_error,
    put_media,
    put_scene,
    put_spec,
    put_stage,
)
from kinolog.job.state import Job
from kinolog.v1 import event_pb2 as ev

_TIMES = ("started_at", "finished_at", "not_before")


def put_state(
    job: Job, spec: ev.StoredSpec | None = None, scenes: Iterable[ev.StoredScene] | None = None
) -> ev.JobState:
    """Job to the wire. `spec` and `scenes` are the job's own on the wire, when the caller has made them already."""
    wire = ev.JobState(
        id=job.id,
        tenant=job.tenant,
        actor=job.actor,
        request_id=job.request_id,
        body_hash=job.body_hash,
        spec=put_spec(job.spec) if spec is None else spec,
        status=STATUS_TO_WIRE[job.status],
        priority=PRIORITY_TO_WIRE[job.priority],
        attempt=job.attempt,
        last_attempt=job.last_attempt,
        max_attempts=job.max_attempts,
        scenes=map(put_scene, job.scenes) if scenes is None else scenes,
        stages=map(put_stage, job.stages),
        attempts=map(put_attempt, job.attempts),
        artifacts=map(put_artifact, job.artifacts),
        cancel_requested=job.cancel_requested,
        prefetch_requested=job.prefetch_requested,
        erased=job.erased,
        gpu_seconds=job.gpu_seconds,
        version=job.version,
        applied_commands=job.applied_commands,
        key_id=job.key_id,
    )
    put_time(wire.created_at, job.created_at)
    put_time(wire.updated_at, job.updated_at)
    for name in _TIMES:
        at = getattr(job, name)
        if at is not None:
            put_time(getattr(wire, name), at)
    if job.media is not None:
        wire.media.CopyFrom(put_media(job.media))
    if job.error is not None:
        wire.error.CopyFrom(put_error(job.error))
    return wire


def get_state(wire: ev.JobState) -> Job:
    """Job from the wire."""
    return Job(
        id=wire.id,
        tenant=wire.tenant,
        actor=wire.actor,
        request_id=wire.request_id,
        body_hash=wire.body_hash,
        spec=get_spec(wire.spec),
        status=STATUS_FROM_WIRE[wire.status],
        priority=PRIORITY_FROM_WIRE[wire.priority],
        max_attempts=wire.max_attempts,
        last_attempt=wire.last_attempt,
        created_at=get_time(wire.created_at),
        updated_at=get_time(wire.updated_at),
        attempt=wire.attempt,
        scenes=tuple(map(get_scene, wire.scenes)),
        stages=tuple(map(get_stage, wire.stages)),
        attempts=tuple(map(get_attempt, wire.attempts)),
        artifacts=tuple(map(get_artifact, wire.artifacts)),
        media=get_media(wire.media) if wire.HasField("media") else None,
        error=get_error(wire.error) if wire.HasField("error") else None,
        cancel_requested=wire.cancel_requested,
        prefetch_requested=wire.prefetch_requested,
        erased=wire.erased,
        started_at=get_time(wire.started_at) if wire.HasField("started_at") else None,
        finished_at=get_time(wire.finished_at) if wire.HasField("finished_at") else None,
        not_before=get_time(wire.not_before) if wire.HasField("not_before") else None,
        gpu_seconds=wire.gpu_seconds,
        version=wire.version,
        applied_commands=tuple(wire.applied_commands),
        key_id=wire.key_id,
    )
