"""Hypothesis strategies for the domain: any values, events and commands that the types allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from hypothesis import strategies as st

from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.rendering.profile import StepCache, UsedProfile
from kinolog.job.reproduction import ComparedOriginal, FrameComparison, Reproduction, RuntimeDifference
from kinolog.job.values import (
    Artifact,
    ArtifactKind,
    JobError,
    JobInput,
    JobLora,
    MediaFacts,
    Priority,
    Runtime,
    Scene,
    Sealed,
    Spec,
    Stage,
    UsedLora,
    UsedUpscaler,
)
from kinolog.models.input_roles import InputRole

START = datetime(2026, 1, 1, tzinfo=UTC)

words = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-_.", max_size=12)
times = st.integers(0, 10**14).map(lambda micros: START + timedelta(microseconds=micros))
numbers = st.integers(0, 2**31 - 1)
seconds = st.floats(0, 1e6, allow_nan=False)
priorities = st.sampled_from(Priority)
stages = st.sampled_from(Stage)
maybe_scene = st.none() | st.integers(0, 9)
sealed = st.builds(
    Sealed, nonce=st.binary(min_size=12, max_size=12), ciphertext=st.binary(min_size=16, max_size=64)
)
checkpoints = st.builds(
    StoredCheckpoint,
    attempt=numbers,
    scene=numbers,
    step=numbers,
    key=words,
    size_bytes=numbers,
)
artifacts = st.builds(
    Artifact,
    kind=st.sampled_from(ArtifactKind),
    key=words,
    sha256=words,
    size_bytes=numbers,
    media_type=words,
    signed_by=words,
)
errors = st.builds(JobError, code=words, message=st.text(max_size=30), retryable=st.booleans())
caches = st.builds(
    StepCache, kind=words, threshold=st.floats(0, 10), interval=numbers, full_steps=numbers, order=numbers
)
runtimes = st.builds(
    Runtime,
    hardware=words,
    model_revision=words,
    libraries=st.dictionaries(words, words, max_size=3).map(lambda d: MappingProxyType(d)),
    dtype=words,
    scheduler=words,
    placement=words,
    placement_reason=words,
    options=st.dictionaries(words, words, max_size=2).map(lambda d: MappingProxyType(d)),
    device=words,
    upscaler=st.none()
    | st.builds(UsedUpscaler, name=words, scale=st.integers(2, 4), sha256=words, licence=words),
    loras=st.lists(
        st.builds(UsedLora, name=words, weight=st.floats(-4, 4), sha256=words, licence=words), max_size=2
    ).map(tuple),
    profile=st.none()
    | st.builds(
        UsedProfile,
        name=words,
        cache=st.none() | caches,
        calibration=words,
        psnr_db=st.floats(0, 100),
        ssim=st.floats(-1, 1),
        speed=st.floats(0, 100),
        clips=numbers,
        width=numbers,
        height=numbers,
        frames=numbers,
        steps=numbers,
        exact_steps=numbers,
    ),
)
inputs = st.builds(
    JobInput,
    role=st.sampled_from(InputRole).map(str),
    media_type=words,
    size_bytes=numbers,
    file=artifacts,
    facts=sealed,
)
specs = st.builds(
    Spec,
    prompt=sealed,
    negative_prompt=st.none() | sealed,
    model=words,
    model_class=words,
    width=numbers,
    height=numbers,
    frames=numbers,
    fps=numbers,
    steps=numbers,
    guidance=st.floats(0, 100),
    seed=st.integers(0, 2**53 - 1),
    style=words,
    webhook=st.none() | sealed,
    webhook_format=words,
    webhook_events=st.lists(words, max_size=2).map(tuple),
    codec=words,
    crf=numbers,
    title=st.none() | sealed,
    tagged=st.booleans(),
    inputs=st.lists(inputs, max_size=2).map(tuple),
    chained=st.booleans(),
    upscaler=words,
    loras=st.lists(st.builds(JobLora, name=words, weight=st.floats(-4, 4)), max_size=2).map(tuple),
    profile=words,
    sigmas=st.lists(st.floats(0, 1), max_size=2).map(tuple),
    flow_shift=st.floats(0, 100),
    interpolate_fps=numbers,
    cache=st.none() | caches,
)
media = st.builds(
    MediaFacts,
    width=numbers,
    height=numbers,
    frames=numbers,
    fps=seconds,
    duration_seconds=seconds,
    codec=words,
    pixel_format=words,
    frame_hash=words,
    audio_codec=words,
    audio_sample_rate=numbers,
    audio_channels=numbers,
)


@st.composite
def scene_lists(draw: st.DrawFn, least: int = 0) -> tuple[Scene, ...]:
    """Scenes numbered from 0, none of them rendered."""
    count = draw(st.integers(least, 4))
    return tuple(
        Scene(
            index=index,
            prompt=draw(sealed),
            start_seconds=draw(seconds),
            duration_seconds=draw(seconds),
            frames=draw(numbers),
            camera=draw(words),
            transition=draw(words),
            seed=draw(st.integers(0, 2**53 - 1)),
        )
        for index in range(count)
    )


frame_comparisons = st.builds(
    FrameComparison, psnr_db=seconds, ssim=seconds, first_frame=numbers, different_frames=numbers
)
reproductions = st.builds(
    Reproduction,
    original=words,
    original_frame_hash=words,
    identical=st.booleans(),
    frames=st.none() | frame_comparisons,
    trouble=words,
    differences=st.lists(
        st.builds(RuntimeDifference, name=words, original=words, reproduction=words), max_size=2
    ).map(tuple),
)
compared_originals = st.builds(
    ComparedOriginal,
    job_id=words,
    frame_hash=words,
    runtime=runtimes,
    frames=st.none() | frame_comparisons,
    trouble=words,
)
submits = st.builds(
    c.Submit,
    id=words,
    actor=words,
    tenant=words,
    request_id=words,
    body_hash=st.binary(min_size=32, max_size=32),
    spec=specs,
    priority=priorities,
    max_attempts=st.integers(1, 4),
    scenes=scene_lists(),
    key_id=words,
    start_after=st.none() | st.timedeltas(timedelta(), timedelta(hours=2)).map(lambda wait: START + wait),
    start_timeout_seconds=st.sampled_from([0, 1, 3600]),
    reproduces=words,
    variant_of=words,
    variant=numbers,
)

kinds_of_event = (
    st.builds(
        e.Submitted,
        at=times,
        spec=specs,
        tenant=words,
        actor=words,
        request_id=words,
        body_hash=st.binary(max_size=32),
        priority=priorities,
        max_attempts=numbers,
        key_id=words,
        reproduces=words,
        variant_of=words,
        variant=numbers,
    ),
    st.builds(
        e.Queued,
        at=times,
        attempt=numbers,
        priority=priorities,
        not_before=st.none() | times,
        start_before=st.none() | times,
    ),
    st.builds(e.StoryboardPlanned, at=times, scenes=scene_lists()),
    st.builds(e.PrefetchRequested, at=times, actor=words),
    st.builds(
        e.PrefetchFinished,
        at=times,
        worker=words,
        assets=st.lists(words, max_size=3).map(tuple),
        size_bytes=numbers,
    ),
    st.builds(
        e.AttemptStarted,
        at=times,
        attempt=numbers,
        worker=words,
        runtime=runtimes,
        worker_key=st.binary(max_size=32),
    ),
    st.builds(e.RuntimeRecorded, at=times, attempt=numbers, runtime=runtimes),
    st.builds(e.StageStarted, at=times, attempt=numbers, stage=stages, scene=maybe_scene),
    st.builds(e.StageFinished, at=times, attempt=numbers, stage=stages, seconds=seconds, scene=maybe_scene),
    st.builds(
        e.SceneRendered,
        at=times,
        attempt=numbers,
        scene=numbers,
        artifact=artifacts,
        thumbnail=st.none() | artifacts,
    ),
    st.builds(e.CheckpointStored, at=times, checkpoint=checkpoints),
    st.builds(e.AttemptFailed, at=times, attempt=numbers, error=errors, percent=st.floats(0.0, 100.0)),
    st.builds(e.CancelRequested, at=times, actor=words, reason=words, sealed_reason=st.none() | sealed),
    st.builds(e.Cancelled, at=times, attempt=numbers, percent=st.floats(0.0, 100.0)),
    st.builds(e.Reprioritized, at=times, priority=priorities, actor=words),
    st.builds(e.Paused, at=times, actor=words),
    st.builds(e.Resumed, at=times, actor=words),
    st.builds(
        e.Completed,
        at=times,
        attempt=numbers,
        artifacts=st.lists(artifacts, max_size=3).map(tuple),
        media=media,
        gpu_seconds=seconds,
        reproduction=st.none() | reproductions,
    ),
    st.builds(e.Failed, at=times, attempt=numbers, error=errors, percent=st.floats(0.0, 100.0)),
    st.builds(e.Retried, at=times, actor=words),
    st.builds(e.Erased, at=times, actor=words, erasure_id=words),
    st.builds(e.ErasureFinished, at=times, files=numbers, sha256=st.tuples(words, words)),
)
"""One strategy for each member of the union `Event`."""
events = st.one_of(*kinds_of_event)
