"""Rows of the tables from the state of a job. Columns in the order of kinolog.readmodel.tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kinolog.job.state import Job
from kinolog.job.values import Artifact, Attempt, JobError, MediaFacts, Priority, Status
from kinolog.readmodel.counter_cells import SortKeys
from kinolog.readmodel.time_buckets import micros_between
from kinolog.readmodel.trigrams import trigrams
from kinolog_projector.projection.batch import JobPrompts
from kinolog_projector.projection.current_row import CurrentRow

Row = tuple[Any, ...]


def urgency_of(priority: Priority) -> int:
    """0 for low to 3 for critical: what `priority` is ordered by."""
    return 3 - priority.rank


def sort_keys(state: Job, number: int, percent: float) -> SortKeys:
    """Where a job stands in the orders of lists."""
    duration_us = -1
    if state.started_at is not None and state.finished_at is not None:
        duration_us = micros_between(state.started_at, state.finished_at)
    return SortKeys(
        number, state.created_at, state.updated_at, percent, duration_us, urgency_of(state.priority)
    )


def next_percent(state: Job, before: CurrentRow | None) -> float:
    """What the log alone knows of the percentage; otherwise what the weather of this attempt last said."""
    if state.status is Status.COMPLETED:
        return 100.0
    if state.status is Status.QUEUED or before is None or before.attempt != state.attempt:
        return 0.0
    return before.percent


def job_row(
    state: Job,
    keys: SortKeys,
    kind: tuple[str, int, str, str],
    queued_at: datetime,
    position: int,
    before: CurrentRow | None,
) -> Row:
    """A row of `jobs`."""
    spec = state.spec
    same_attempt = before is not None and before.attempt == state.attempt
    return (
        state.id,
        keys.number,
        state.tenant,
        state.actor,
        state.request_id,
        kind[0],
        keys.urgency,
        spec.model,
        spec.model_class,
        spec.width,
        spec.height,
        spec.frames,
        spec.fps,
        spec.steps,
        spec.guidance,
        spec.seed,
        spec.style,
        state.attempt,
        state.worker,
        state.stages[-1].stage.value if state.stages else None,
        keys.percent,
        before.eta_seconds if before and same_attempt and state.status is Status.PROCESSING else None,
        len(state.scenes),
        len(state.scenes) - len(state.pending_scenes),
        [_artifact(artifact) for artifact in state.artifacts],
        None if state.media is None else _media(state.media),
        None if state.error is None else _error(state.error),
        state.cancel_requested,
        state.erased,
        state.created_at,
        state.updated_at,
        queued_at,
        state.started_at,
        state.finished_at,
        state.not_before,
        keys.duration_us,
        state.gpu_seconds,
        state.version,
        position,
    )


def prompt_row(state: Job, number: int, prompts: JobPrompts | None) -> Row:
    """A row of `prompts`; None for those of an erased job."""
    prompt = prompts.prompt if prompts is not None else None
    negative_prompt = prompts.negative_prompt if prompts is not None else None
    found = sorted(trigrams(state.id) | trigrams(prompt or ""))
    return number, state.id, state.tenant, prompt, negative_prompt, found


def scene_rows(state: Job) -> Iterator[Row]:
    """Rows of `scenes`."""
    for scene in state.scenes:
        yield (
            state.id,
            scene.index,
            scene.start_seconds,
            scene.duration_seconds,
            scene.frames,
            scene.camera,
            scene.transition,
            scene.seed,
            None if scene.artifact is None else scene.artifact.key,
        )


def attempt_row(job_id: str, attempt: Attempt) -> Row:
    """A row of `attempts`."""
    return (
        job_id,
        attempt.number,
        attempt.worker,
        attempt.runtime.hardware,
        attempt.runtime.model_revision,
        dict(attempt.runtime.libraries),
        attempt.started_at,
        attempt.ended_at,
        None if attempt.error is None else _error(attempt.error),
    )


def artifact_rows(state: Job) -> Iterator[Row]:
    """Rows of `artifacts`."""
    for place, file in enumerate(state.artifacts):
        yield state.id, place, file.kind.value, file.key, file.sha256, file.size_bytes, file.media_type


def _artifact(file: Artifact) -> dict[str, object]:
    return {
        "kind": file.kind.value,
        "key": file.key,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "media_type": file.media_type,
    }


def _media(media: MediaFacts) -> dict[str, object]:
    return {
        "width": media.width,
        "height": media.height,
        "frames": media.frames,
        "fps": media.fps,
        "duration_seconds": media.duration_seconds,
        "codec": media.codec,
        "pixel_format": media.pixel_format,
        "frame_hash": media.frame_hash,
    }


def _error(error: JobError) -> dict[str, object]:
    return {"code": error.code, "message": error.message, "retryable": error.retryable}
