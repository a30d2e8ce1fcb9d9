"""Convert the state of a job to and from its proto message."""

from __future__ import annotations

from collections.abc import Iterable

from kinolog.codec.enums import PRIORITY_FROM_PROTO, PRIORITY_TO_PROTO, STATUS_FROM_PROTO, STATUS_TO_PROTO
from kinolog.codec.plain_fields import plain_fields
from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.codec.values import (
    artifact_from_proto,
    artifact_to_proto,
    attempt_from_proto,
    attempt_to_proto,
    error_from_proto,
    error_to_proto,
    media_from_proto,
    media_to_proto,
    scene_from_proto,
    scene_to_proto,
    spec_from_proto,
    spec_to_proto,
    stage_from_proto,
    stage_to_proto,
)
from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.reproduction import FrameComparison, Reproduction, RuntimeDifference
from kinolog.job.state import Job
from kinolog.v1 import event_pb2 as ev
from kinolog.v1 import job_pb2 as pb

_TIMES = ("started_at", "finished_at", "not_before", "start_after", "start_before", "paused_at")


def state_to_proto(
    job: Job, spec: ev.StoredSpec | None = None, scenes: Iterable[ev.StoredScene] | None = None
) -> ev.JobState:
    """Return the proto message of a job. `spec` and `scenes` are its messages if the caller has them already."""
    wire = ev.JobState(
        id=job.id,
        tenant=job.tenant,
        actor=job.actor,
        request_id=job.request_id,
        body_hash=job.body_hash,
        spec=spec_to_proto(job.spec) if spec is None else spec,
        status=STATUS_TO_PROTO[job.status],
        priority=PRIORITY_TO_PROTO[job.priority],
        attempt=job.attempt,
        last_attempt=job.last_attempt,
        max_attempts=job.max_attempts,
        scenes=map(scene_to_proto, job.scenes) if scenes is None else scenes,
        stages=map(stage_to_proto, job.stages),
        attempts=map(attempt_to_proto, job.attempts),
        artifacts=map(artifact_to_proto, job.artifacts),
        cancel_requested=job.cancel_requested,
        prefetch_requested=job.prefetch_requested,
        erased=job.erased,
        erasure_finished=job.erasure_finished,
        gpu_seconds=job.gpu_seconds,
        version=job.version,
        applied_commands=job.applied_commands,
        key_id=job.key_id,
        worker_key=job.worker_key,
        reproduces=job.reproduces,
        variant_of=job.variant_of,
        variant=job.variant,
    )
    time_to_proto(wire.created_at, job.created_at)
    time_to_proto(wire.updated_at, job.updated_at)
    for name in _TIMES:
        at = getattr(job, name)
        if at is not None:
            time_to_proto(getattr(wire, name), at)
    if job.checkpoint is not None:
        wire.checkpoint.CopyFrom(checkpoint_to_proto(job.checkpoint))
    if job.reproduction is not None:
        wire.reproduction.CopyFrom(reproduction_to_proto(job.reproduction))
    if job.media is not None:
        wire.media.CopyFrom(media_to_proto(job.media))
    if job.error is not None:
        wire.error.CopyFrom(error_to_proto(job.error))
    return wire


def state_from_proto(wire: ev.JobState) -> Job:
    """Return the job in a proto message."""
    return Job(
        id=wire.id,
        tenant=wire.tenant,
        actor=wire.actor,
        request_id=wire.request_id,
        body_hash=wire.body_hash,
        spec=spec_from_proto(wire.spec),
        status=STATUS_FROM_PROTO[wire.status],
        priority=PRIORITY_FROM_PROTO[wire.priority],
        max_attempts=wire.max_attempts,
        last_attempt=wire.last_attempt,
        created_at=time_from_proto(wire.created_at),
        updated_at=time_from_proto(wire.updated_at),
        attempt=wire.attempt,
        scenes=tuple(map(scene_from_proto, wire.scenes)),
        stages=tuple(map(stage_from_proto, wire.stages)),
        attempts=tuple(map(attempt_from_proto, wire.attempts)),
        artifacts=tuple(map(artifact_from_proto, wire.artifacts)),
        media=media_from_proto(wire.media) if wire.HasField("media") else None,
        error=error_from_proto(wire.error) if wire.HasField("error") else None,
        cancel_requested=wire.cancel_requested,
        prefetch_requested=wire.prefetch_requested,
        checkpoint=checkpoint_from_proto(wire.checkpoint) if wire.HasField("checkpoint") else None,
        erased=wire.erased,
        erasure_finished=wire.erasure_finished,
        started_at=time_from_proto(wire.started_at) if wire.HasField("started_at") else None,
        finished_at=time_from_proto(wire.finished_at) if wire.HasField("finished_at") else None,
        not_before=time_from_proto(wire.not_before) if wire.HasField("not_before") else None,
        start_after=time_from_proto(wire.start_after) if wire.HasField("start_after") else None,
        start_before=time_from_proto(wire.start_before) if wire.HasField("start_before") else None,
        paused_at=time_from_proto(wire.paused_at) if wire.HasField("paused_at") else None,
        gpu_seconds=wire.gpu_seconds,
        version=wire.version,
        applied_commands=tuple(wire.applied_commands),
        key_id=wire.key_id,
        worker_key=wire.worker_key,
        reproduces=wire.reproduces,
        variant_of=wire.variant_of,
        variant=wire.variant,
        reproduction=reproduction_from_proto(wire.reproduction) if wire.HasField("reproduction") else None,
    )


def checkpoint_to_proto(checkpoint: StoredCheckpoint) -> ev.CheckpointStored:
    """Return the proto message of a checkpoint."""
    return ev.CheckpointStored(
        attempt=checkpoint.attempt,
        scene=checkpoint.scene,
        step=checkpoint.step,
        key=checkpoint.key,
        size_bytes=checkpoint.size_bytes,
    )


def checkpoint_from_proto(wire: ev.CheckpointStored) -> StoredCheckpoint:
    """Return the checkpoint in a proto message."""
    return StoredCheckpoint(
        attempt=wire.attempt,
        scene=wire.scene,
        step=wire.step,
        key=wire.key,
        size_bytes=wire.size_bytes,
    )


def reproduction_to_proto(value: Reproduction) -> pb.Reproduction:
    """Return the proto message of a `Reproduction`."""
    frames = value.frames
    return pb.Reproduction(
        **plain_fields(pb.Reproduction, value),
        frames=None if frames is None else pb.FrameComparison(**plain_fields(pb.FrameComparison, frames)),
        differences=(
            pb.RuntimeDifference(**plain_fields(pb.RuntimeDifference, one)) for one in value.differences
        ),
    )


def reproduction_from_proto(wire: pb.Reproduction) -> Reproduction:
    """Return the `Reproduction` in a proto message."""
    return Reproduction(
        original=wire.original,
        original_frame_hash=wire.original_frame_hash,
        identical=wire.identical,
        frames=_frames_from_proto(wire.frames) if wire.HasField("frames") else None,
        trouble=wire.trouble,
        differences=tuple(
            RuntimeDifference(name=one.name, original=one.original, reproduction=one.reproduction)
            for one in wire.differences
        ),
    )


def _frames_from_proto(wire: pb.FrameComparison) -> FrameComparison:
    return FrameComparison(
        psnr_db=wire.psnr_db,
        ssim=wire.ssim,
        first_frame=wire.first_frame,
        different_frames=wire.different_frames,
    )
