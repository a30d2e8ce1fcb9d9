"""The proto message of a job for clients, with its personal data unsealed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kinolog.codec.enums import PRIORITY_TO_PROTO, ROLE_TO_PROTO, STAGE_TO_PROTO, STATUS_TO_PROTO
from kinolog.codec.plain_fields import plain_fields
from kinolog.codec.rendering.profile import cache_to_proto
from kinolog.codec.state import reproduction_to_proto
from kinolog.codec.times import time_to_proto
from kinolog.codec.values import (
    artifact_to_proto,
    attempt_to_proto,
    error_to_proto,
    lora_to_proto,
    media_to_proto,
)
from kinolog.job.state import Job, ListedFields
from kinolog.job.values import InputFacts, Scene, Spec, StageState, Status
from kinolog.ports.progress import Progress
from kinolog.v1 import job_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsealedFields:
    """The personal data of a job in plain text. Empty for an erased job."""

    prompt: str = ""
    negative_prompt: str = ""
    webhook: str = ""
    title: str = ""
    scenes: tuple[str, ...] = ()
    inputs: tuple[InputFacts, ...] = ()


def public_job(job: Job, position: int, unsealed: UnsealedFields, progress: Progress | None = None) -> pb.Job:
    """Return the message of a job. `progress` is the newest progress of its current attempt, if there is any."""
    wire = listed_job(
        job,
        spec=public_spec(job.spec, unsealed),
        percent=_percent(job, progress),
        scenes=[public_scene(scene, unsealed, job) for scene in job.scenes],
        stages=[public_stage(stage, progress) for stage in job.stages],
        attempts=map(attempt_to_proto, job.attempts),
        inputs=_public_inputs(job.spec, unsealed),
        reproduction=reproduction_to_proto(job.reproduction) if job.reproduction else None,
        position=position,
    )
    if progress is not None and job.status is Status.PROCESSING:
        wire.stage = STAGE_TO_PROTO[progress.stage]
        if progress.eta_seconds is not None:
            wire.eta_seconds = progress.eta_seconds
    elif job.stages:
        wire.stage = STAGE_TO_PROTO[job.stages[-1].stage]
    return wire


def listed_job(job: ListedFields, **more: Any) -> pb.Job:
    """Return the message of a job with the fields that lists show, and `more` fields.

    Plain fields that `job` has under the same name are copied.
    """
    wire = pb.Job(
        **plain_fields(pb.Job, job),
        status=STATUS_TO_PROTO[job.status],
        priority=PRIORITY_TO_PROTO[job.priority],
        artifacts=map(artifact_to_proto, job.artifacts),
        media=media_to_proto(job.media) if job.media else None,
        error=error_to_proto(job.error) if job.error else None,
        **more,
    )
    time_to_proto(wire.created_at, job.created_at)
    time_to_proto(wire.updated_at, job.updated_at)
    for name in ("started_at", "finished_at", "not_before", "start_after", "start_before", "paused_at"):
        at = getattr(job, name)
        if at is not None:
            time_to_proto(getattr(wire, name), at)
    return wire


def _percent(job: Job, progress: Progress | None) -> float:
    """Return the percentage that the log holds, or else the one that the worker of the last attempt reported."""
    reported = progress.percent if progress is not None and progress.attempt == job.attempt else 0.0
    return job.last_percent or reported


def public_spec(spec: Spec, unsealed: UnsealedFields) -> pb.JobSpec:
    """Return the message of a spec, in plain text."""
    texts = {
        "prompt": unsealed.prompt,
        "negative_prompt": unsealed.negative_prompt,
        "webhook": unsealed.webhook,
        "title": unsealed.title,
    }
    return pb.JobSpec(
        **(plain_fields(pb.JobSpec, spec) | texts),
        loras=map(lora_to_proto, spec.loras),
        sigmas=spec.sigmas,
        cache=cache_to_proto(spec.cache),
        webhook_events=spec.webhook_events,
    )


def _public_inputs(spec: Spec, unsealed: UnsealedFields) -> Iterator[pb.JobInput]:
    """Yield the messages of a job's inputs. Those of an erased job lack what identifies the content."""
    facts = unsealed.inputs or (InputFacts(sha256=""),) * len(spec.inputs)
    for value, identity in zip(spec.inputs, facts, strict=True):
        yield pb.JobInput(
            role=ROLE_TO_PROTO[value.role],
            media_type=value.media_type,
            size_bytes=value.size_bytes,
            sha256=identity.sha256,
            width=identity.width,
            height=identity.height,
        )


def public_scene(scene: Scene, unsealed: UnsealedFields, job: Job) -> pb.Scene:
    """Return the message of a scene, in plain text."""
    wire = pb.Scene(
        index=scene.index,
        prompt=unsealed.scenes[scene.index] if scene.index < len(unsealed.scenes) else "",
        start_seconds=scene.start_seconds,
        duration_seconds=scene.duration_seconds,
        frames=scene.frames,
        camera=scene.camera,
        transition=scene.transition,
        seed=scene.seed,
        status=STATUS_TO_PROTO[_scene_status(scene, job)],
    )
    if scene.artifact is not None:
        wire.artifact.CopyFrom(artifact_to_proto(scene.artifact))
    if scene.thumbnail is not None:
        wire.thumbnail.CopyFrom(artifact_to_proto(scene.thumbnail))
    return wire


def _scene_status(scene: Scene, job: Job) -> Status:
    if scene.artifact is not None or job.status is Status.COMPLETED:
        return Status.COMPLETED
    if job.status.terminal:
        return job.status
    started = any(stage.scene == scene.index for stage in job.stages)
    return Status.PROCESSING if started else Status.QUEUED


def public_stage(stage: StageState, progress: Progress | None) -> pb.StageProgress:
    """Return the message of a stage. Its `percent` is 100 if it has finished; otherwise `progress` gives it."""
    wire = pb.StageProgress(stage=STAGE_TO_PROTO[stage.stage], scene=stage.scene, seconds=stage.seconds)
    time_to_proto(wire.started_at, stage.started_at)
    if stage.seconds is not None:
        wire.percent = 100.0
    elif progress is not None and progress.stage is stage.stage and stage.scene in (None, progress.scene):
        wire.percent = 100.0 * progress.step / progress.steps if progress.steps else 0.0
    return wire
