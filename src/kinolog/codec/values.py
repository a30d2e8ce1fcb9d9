"""The values that jobs are made of, between the domain and the wire."""

from __future__ import annotations

from types import MappingProxyType

from kinolog.codec.enums import KIND_FROM_WIRE, KIND_TO_WIRE, STAGE_FROM_WIRE, STAGE_TO_WIRE
from kinolog.codec.times import get_time, put_time
from kinolog.job.values import (
    Artifact,
    Attempt,
    JobError,
    MediaFacts,
    Runtime,
    Scene,
    Sealed,
    Spec,
    StageState,
)
from kinolog.v1 import event_pb2 as ev
from kinolog.v1 import job_pb2 as pb


def put_sealed(value: Sealed) -> ev.Sealed:
    """Sealed to the wire."""
    return ev.Sealed(nonce=value.nonce, ciphertext=value.ciphertext)


def get_sealed(wire: ev.Sealed) -> Sealed:
    """Sealed from the wire."""
    return Sealed(wire.nonce, wire.ciphertext)


def put_spec(value: Spec) -> ev.StoredSpec:
    """Spec to the wire."""
    wire = ev.StoredSpec(
        prompt=put_sealed(value.prompt),
        model=value.model,
        model_class=value.model_class,
        width=value.width,
        height=value.height,
        frames=value.frames,
        fps=value.fps,
        steps=value.steps,
        guidance=value.guidance,
        seed=value.seed,
        style=value.style,
    )
    if value.negative_prompt is not None:
        wire.negative_prompt.CopyFrom(put_sealed(value.negative_prompt))
    if value.webhook is not None:
        wire.webhook.CopyFrom(put_sealed(value.webhook))
    return wire


def get_spec(wire: ev.StoredSpec) -> Spec:
    """Spec from the wire."""
    return Spec(
        prompt=get_sealed(wire.prompt),
        negative_prompt=get_sealed(wire.negative_prompt) if wire.HasField("negative_prompt") else None,
        model=wire.model,
        model_class=wire.model_class,
        width=wire.width,
        height=wire.height,
        frames=wire.frames,
        fps=wire.fps,
        steps=wire.steps,
        guidance=wire.guidance,
        seed=wire.seed,
        style=wire.style,
        webhook=get_sealed(wire.webhook) if wire.HasField("webhook") else None,
    )


def put_artifact(value: Artifact) -> pb.Artifact:
    """Artifact to the wire."""
    return pb.Artifact(
        kind=KIND_TO_WIRE[value.kind],
        key=value.key,
        sha256=value.sha256,
        size_bytes=value.size_bytes,
        media_type=value.media_type,
    )


def get_artifact(wire: pb.Artifact) -> Artifact:
    """Artifact from the wire."""
    return Artifact(KIND_FROM_WIRE[wire.kind], wire.key, wire.sha256, wire.size_bytes, wire.media_type)


def put_media(value: MediaFacts) -> pb.MediaFacts:
    """MediaFacts to the wire."""
    return pb.MediaFacts(
        width=value.width,
        height=value.height,
        frames=value.frames,
        fps=value.fps,
        duration_seconds=value.duration_seconds,
        codec=value.codec,
        pixel_format=value.pixel_format,
        frame_hash=value.frame_hash,
    )


def get_media(wire: pb.MediaFacts) -> MediaFacts:
    """MediaFacts from the wire."""
    return MediaFacts(
        wire.width,
        wire.height,
        wire.frames,
        wire.fps,
        wire.duration_seconds,
        wire.codec,
        wire.pixel_format,
        wire.frame_hash,
    )


def put_error(value: JobError) -> pb.JobError:
    """JobError to the wire."""
    return pb.JobError(code=value.code, message=value.message, retryable=value.retryable)


def get_error(wire: pb.JobError) -> JobError:
    """JobError from the wire."""
    return JobError(wire.code, wire.message, wire.retryable)


def put_scene(value: Scene) -> ev.StoredScene:
    """Scene to the wire."""
    wire = ev.StoredScene(
        index=value.index,
        prompt=put_sealed(value.prompt),
        start_seconds=value.start_seconds,
        duration_seconds=value.duration_seconds,
        frames=value.frames,
        camera=value.camera,
        transition=value.transition,
        seed=value.seed,
    )
    if value.artifact is not None:
        wire.artifact.CopyFrom(put_artifact(value.artifact))
    return wire


def get_scene(wire: ev.StoredScene) -> Scene:
    """Scene from the wire."""
    return Scene(
        wire.index,
        get_sealed(wire.prompt),
        wire.start_seconds,
        wire.duration_seconds,
        wire.frames,
        wire.camera,
        wire.transition,
        wire.seed,
        get_artifact(wire.artifact) if wire.HasField("artifact") else None,
    )


def put_attempt(value: Attempt) -> pb.Attempt:
    """Attempt to the wire."""
    wire = pb.Attempt(
        number=value.number,
        worker=value.worker,
        hardware=value.runtime.hardware,
        model_revision=value.runtime.model_revision,
        libraries=value.runtime.libraries,
    )
    put_time(wire.started_at, value.started_at)
    if value.ended_at is not None:
        put_time(wire.ended_at, value.ended_at)
    if value.error is not None:
        wire.error.CopyFrom(put_error(value.error))
    return wire


def get_attempt(wire: pb.Attempt) -> Attempt:
    """Attempt from the wire."""
    return Attempt(
        wire.number,
        wire.worker,
        Runtime(wire.hardware, wire.model_revision, MappingProxyType(dict(wire.libraries))),
        get_time(wire.started_at),
        get_time(wire.ended_at) if wire.HasField("ended_at") else None,
        get_error(wire.error) if wire.HasField("error") else None,
    )


def put_stage(value: StageState) -> ev.StageState:
    """StageState to the wire."""
    wire = ev.StageState(stage=STAGE_TO_WIRE[value.stage], scene=value.scene, seconds=value.seconds)
    put_time(wire.started_at, value.started_at)
    return wire


def get_stage(wire: ev.StageState) -> StageState:
    """StageState from the wire."""
    return StageState(
        STAGE_FROM_WIRE[wire.stage],
        wire.scene if wire.HasField("scene") else None,
        get_time(wire.started_at),
        wire.seconds if wire.HasField("seconds") else None,
    )
