"""Convert the values of jobs to and from their proto messages."""

from __future__ import annotations

from dataclasses import fields
from types import MappingProxyType
from typing import Any

from kinolog.codec.enums import (
    KIND_FROM_PROTO,
    KIND_TO_PROTO,
    ROLE_FROM_PROTO,
    ROLE_TO_PROTO,
    STAGE_FROM_PROTO,
    STAGE_TO_PROTO,
)
from kinolog.codec.rendering.profile import (
    cache_from_proto,
    cache_to_proto,
    profile_from_proto,
    profile_to_proto,
)
from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.job.values import (
    Artifact,
    Attempt,
    JobError,
    JobInput,
    JobLora,
    MediaFacts,
    Runtime,
    Scene,
    Sealed,
    Spec,
    StageState,
    UsedLora,
    UsedUpscaler,
)
from kinolog.v1 import event_pb2 as ev
from kinolog.v1 import job_pb2 as pb

_COMPOSITE = {"loras", "upscaler", "profile"}
_RUNTIME_FIELDS = tuple(field.name for field in fields(Runtime) if field.name not in _COMPOSITE)
"""They have the same names and values in proto messages."""


def sealed_to_proto(value: Sealed) -> ev.Sealed:
    """Return the proto message of a `Sealed`."""
    return ev.Sealed(nonce=value.nonce, ciphertext=value.ciphertext)


def sealed_from_proto(wire: ev.Sealed) -> Sealed:
    """Return the `Sealed` in a proto message."""
    return Sealed(nonce=wire.nonce, ciphertext=wire.ciphertext)


def spec_to_proto(value: Spec) -> ev.StoredSpec:
    """Return the proto message of a `Spec`."""
    wire = ev.StoredSpec(
        prompt=sealed_to_proto(value.prompt),
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
        codec=value.codec,
        crf=value.crf,
        tagged=value.tagged,
        prompt_writer=value.prompt_writer,
        prompt_writer_trouble=value.prompt_writer_trouble,
        inputs=map(input_to_proto, value.inputs),
        chained=value.chained,
        upscaler=value.upscaler,
        loras=map(lora_to_proto, value.loras),
        profile=value.profile,
        sigmas=value.sigmas,
        flow_shift=value.flow_shift,
        interpolate_fps=value.interpolate_fps,
        cache=cache_to_proto(value.cache),
        webhook_format=value.webhook_format,
        webhook_events=value.webhook_events,
    )
    if value.negative_prompt is not None:
        wire.negative_prompt.CopyFrom(sealed_to_proto(value.negative_prompt))
    if value.webhook is not None:
        wire.webhook.CopyFrom(sealed_to_proto(value.webhook))
    if value.title is not None:
        wire.title.CopyFrom(sealed_to_proto(value.title))
    return wire


def spec_from_proto(wire: ev.StoredSpec) -> Spec:
    """Return the `Spec` in a proto message."""
    return Spec(
        prompt=sealed_from_proto(wire.prompt),
        negative_prompt=sealed_from_proto(wire.negative_prompt) if wire.HasField("negative_prompt") else None,
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
        prompt_writer=wire.prompt_writer,
        prompt_writer_trouble=wire.prompt_writer_trouble,
        webhook=sealed_from_proto(wire.webhook) if wire.HasField("webhook") else None,
        codec=wire.codec,
        crf=wire.crf,
        title=sealed_from_proto(wire.title) if wire.HasField("title") else None,
        tagged=wire.tagged,
        inputs=tuple(map(input_from_proto, wire.inputs)),
        chained=wire.chained,
        upscaler=wire.upscaler,
        loras=tuple(JobLora(name=lora.name, weight=lora.weight) for lora in wire.loras),
        profile=wire.profile,
        sigmas=tuple(wire.sigmas),
        flow_shift=wire.flow_shift,
        interpolate_fps=wire.interpolate_fps,
        cache=cache_from_proto(wire.cache) if wire.HasField("cache") else None,
        webhook_format=wire.webhook_format,
        webhook_events=tuple(wire.webhook_events),
    )


def lora_to_proto(value: JobLora) -> pb.JobLora:
    """Return the proto message of a `JobLora`."""
    return pb.JobLora(name=value.name, weight=value.weight)


def input_to_proto(value: JobInput) -> ev.StoredInput:
    """Return the proto message of a `JobInput`."""
    return ev.StoredInput(
        role=ROLE_TO_PROTO[value.role],
        media_type=value.media_type,
        size_bytes=value.size_bytes,
        file=artifact_to_proto(value.file),
        facts=sealed_to_proto(value.facts),
    )


def input_from_proto(wire: ev.StoredInput) -> JobInput:
    """Return the `JobInput` in a proto message."""
    return JobInput(
        role=ROLE_FROM_PROTO[wire.role],
        media_type=wire.media_type,
        size_bytes=wire.size_bytes,
        file=artifact_from_proto(wire.file),
        facts=sealed_from_proto(wire.facts),
    )


def artifact_to_proto(value: Artifact) -> pb.Artifact:
    """Return the proto message of an `Artifact`."""
    return pb.Artifact(
        kind=KIND_TO_PROTO[value.kind],
        key=value.key,
        sha256=value.sha256,
        size_bytes=value.size_bytes,
        media_type=value.media_type,
        signed_by=value.signed_by,
    )


def artifact_from_proto(wire: pb.Artifact) -> Artifact:
    """Return the `Artifact` in a proto message."""
    return Artifact(
        kind=KIND_FROM_PROTO[wire.kind],
        key=wire.key,
        sha256=wire.sha256,
        size_bytes=wire.size_bytes,
        media_type=wire.media_type,
        signed_by=wire.signed_by,
    )


def media_to_proto(value: MediaFacts) -> pb.MediaFacts:
    """Return the proto message of a `MediaFacts`."""
    return pb.MediaFacts(
        width=value.width,
        height=value.height,
        frames=value.frames,
        fps=value.fps,
        duration_seconds=value.duration_seconds,
        codec=value.codec,
        pixel_format=value.pixel_format,
        frame_hash=value.frame_hash,
        audio_codec=value.audio_codec,
        audio_sample_rate=value.audio_sample_rate,
        audio_channels=value.audio_channels,
    )


def media_from_proto(wire: pb.MediaFacts) -> MediaFacts:
    """Return the `MediaFacts` in a proto message."""
    return MediaFacts(
        width=wire.width,
        height=wire.height,
        frames=wire.frames,
        fps=wire.fps,
        duration_seconds=wire.duration_seconds,
        codec=wire.codec,
        pixel_format=wire.pixel_format,
        frame_hash=wire.frame_hash,
        audio_codec=wire.audio_codec,
        audio_sample_rate=wire.audio_sample_rate,
        audio_channels=wire.audio_channels,
    )


def error_to_proto(value: JobError) -> pb.JobError:
    """Return the proto message of a `JobError`."""
    return pb.JobError(code=value.code, message=value.message, retryable=value.retryable)


def error_from_proto(wire: pb.JobError) -> JobError:
    """Return the `JobError` in a proto message."""
    return JobError(code=wire.code, message=wire.message, retryable=wire.retryable)


def scene_to_proto(value: Scene) -> ev.StoredScene:
    """Return the proto message of a `Scene`."""
    wire = ev.StoredScene(
        index=value.index,
        prompt=sealed_to_proto(value.prompt),
        start_seconds=value.start_seconds,
        duration_seconds=value.duration_seconds,
        frames=value.frames,
        camera=value.camera,
        transition=value.transition,
        seed=value.seed,
    )
    if value.artifact is not None:
        wire.artifact.CopyFrom(artifact_to_proto(value.artifact))
    if value.thumbnail is not None:
        wire.thumbnail.CopyFrom(artifact_to_proto(value.thumbnail))
    return wire


def scene_from_proto(wire: ev.StoredScene) -> Scene:
    """Return the `Scene` in a proto message."""
    return Scene(
        index=wire.index,
        prompt=sealed_from_proto(wire.prompt),
        start_seconds=wire.start_seconds,
        duration_seconds=wire.duration_seconds,
        frames=wire.frames,
        camera=wire.camera,
        transition=wire.transition,
        seed=wire.seed,
        artifact=artifact_from_proto(wire.artifact) if wire.HasField("artifact") else None,
        thumbnail=artifact_from_proto(wire.thumbnail) if wire.HasField("thumbnail") else None,
    )


def runtime_fields(value: Runtime) -> dict[str, Any]:
    """Return the fields of the proto messages that a `Runtime` is a part of."""
    loras = [
        pb.UsedLora(name=lora.name, weight=lora.weight, sha256=lora.sha256, licence=lora.licence)
        for lora in value.loras
    ]
    plain = {name: getattr(value, name) for name in _RUNTIME_FIELDS}
    plain |= {"loras": loras, "profile": profile_to_proto(value.profile)}
    upscaler = value.upscaler
    if upscaler is None:
        return plain
    used = pb.UsedUpscaler(
        name=upscaler.name, scale=upscaler.scale, sha256=upscaler.sha256, licence=upscaler.licence
    )
    return plain | {"upscaler": used}


def runtime_from_proto(wire: ev.AttemptStarted | ev.RuntimeRecorded | pb.Attempt) -> Runtime:
    """Return the `Runtime` in a proto message."""
    return Runtime(
        hardware=wire.hardware,
        model_revision=wire.model_revision,
        libraries=MappingProxyType(dict(wire.libraries)),
        dtype=wire.dtype,
        scheduler=wire.scheduler,
        placement=wire.placement,
        placement_reason=wire.placement_reason,
        options=MappingProxyType(dict(wire.options)),
        device=wire.device,
        upscaler=_used_upscaler(wire.upscaler) if wire.HasField("upscaler") else None,
        loras=tuple(
            UsedLora(name=lora.name, weight=lora.weight, sha256=lora.sha256, licence=lora.licence)
            for lora in wire.loras
        ),
        profile=profile_from_proto(wire.profile) if wire.HasField("profile") else None,
    )


def _used_upscaler(wire: pb.UsedUpscaler) -> UsedUpscaler:
    return UsedUpscaler(name=wire.name, scale=wire.scale, sha256=wire.sha256, licence=wire.licence)


def attempt_to_proto(value: Attempt) -> pb.Attempt:
    """Return the proto message of an `Attempt`."""
    wire = pb.Attempt(
        number=value.number,
        worker=value.worker,
        percent=value.percent,
        **runtime_fields(value.runtime),
    )
    time_to_proto(wire.started_at, value.started_at)
    if value.ended_at is not None:
        time_to_proto(wire.ended_at, value.ended_at)
    if value.error is not None:
        wire.error.CopyFrom(error_to_proto(value.error))
    return wire


def attempt_from_proto(wire: pb.Attempt) -> Attempt:
    """Return the `Attempt` in a proto message."""
    return Attempt(
        number=wire.number,
        worker=wire.worker,
        runtime=runtime_from_proto(wire),
        started_at=time_from_proto(wire.started_at),
        ended_at=time_from_proto(wire.ended_at) if wire.HasField("ended_at") else None,
        error=error_from_proto(wire.error) if wire.HasField("error") else None,
        percent=wire.percent,
    )


def stage_to_proto(value: StageState) -> ev.StageState:
    """Return the proto message of a `StageState`."""
    wire = ev.StageState(stage=STAGE_TO_PROTO[value.stage], scene=value.scene, seconds=value.seconds)
    time_to_proto(wire.started_at, value.started_at)
    return wire


def stage_from_proto(wire: ev.StageState) -> StageState:
    """Return the `StageState` in a proto message."""
    return StageState(
        stage=STAGE_FROM_PROTO[wire.stage],
        scene=wire.scene if wire.HasField("scene") else None,
        started_at=time_from_proto(wire.started_at),
        seconds=wire.seconds if wire.HasField("seconds") else None,
    )
