"""Makes rows of the tables from the state of a job. Rows are mappings keyed by column of kinolog.readmodel.tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from operator import attrgetter

from kinolog.job.state import Job
from kinolog.job.values import Artifact, Attempt, JobError, MediaFacts, Spec, Status
from kinolog.readmodel import tables
from kinolog.readmodel.counter_cells import JobKind, SortKeys
from kinolog.readmodel.priority_order import priority_order
from kinolog.readmodel.tables import Row
from kinolog.readmodel.time_buckets import micros
from kinolog.readmodel.trigrams import trigrams
from kinolog_projector.projection.batch import JobPrompts
from kinolog_projector.projection.counter_changes import CountedJob
from kinolog_projector.projection.current_row import CurrentRow

THUMBNAIL_PLACE = 1_000
"""Place of the thumbnail of the first scene in `artifacts`. A job has fewer other files."""

_TRANSLATED = ("status", "artifacts", "media", "error")
"""Fields of a job that the column of the same name holds in another form."""

_SPEC_FIELDS = {field.name for field in fields(Spec)}
_COPIED = [
    column.name
    for column in tables.jobs.columns
    if column.name in _SPEC_FIELDS or (hasattr(Job, column.name) and column.name not in _TRANSLATED)
]
"""Columns of `jobs` that hold the field of the same name of the job or its spec; `job_row` computes the others."""
_copied_values = attrgetter(*(f"spec.{name}" if name in _SPEC_FIELDS else name for name in _COPIED))


def counted_job(state: Job, number: int, before: CurrentRow | None) -> CountedJob:
    """Return what counters count a job by; `number` is the position of its first commit."""
    run_seconds = state.run_seconds
    duration_us = -1 if run_seconds is None else micros(run_seconds)
    order = priority_order(state.priority)
    keys = SortKeys(
        number=number,
        created_at=state.created_at,
        updated_at=state.updated_at,
        percent=_percent(state, before),
        duration_us=duration_us,
        priority_order=order,
    )
    kind = JobKind(
        status=state.status.value, priority_order=order, model=state.spec.model, style=state.spec.style
    )
    return CountedJob(keys, kind)


def _percent(state: Job, before: CurrentRow | None) -> float:
    """Return the percentage that follows from the log, or else the last one reported for this attempt."""
    if state.last_percent:
        return state.last_percent
    if state.status is Status.QUEUED or before is None or before.attempt != state.attempt:
        return 0.0
    return before.percent


def _eta_seconds(state: Job, before: CurrentRow | None) -> float | None:
    """Return the last estimate reported for this attempt, while it runs."""
    if state.status is not Status.PROCESSING or before is None or before.attempt != state.attempt:
        return None
    return before.eta_seconds


def job_row(
    state: Job,
    *,
    counted: CountedJob,
    queued_at: datetime,
    position: int,
    new_bytes: int,
    before: CurrentRow | None,
) -> Row:
    """Return the row of `jobs`; `position` is that of the job's last commit, `new_bytes` the size of its new ones."""
    keys = counted.keys
    return dict(
        zip(_COPIED, _copied_values(state), strict=True),
        number=keys.number,
        status=state.status.value,
        urgency=keys.priority_order,
        stage=state.stages[-1].stage.value if state.stages else None,
        percent=keys.percent,
        eta_seconds=_eta_seconds(state, before),
        scenes_rendered=len(state.scenes) - len(state.pending_scenes),
        artifacts=[_artifact(artifact) for artifact in state.artifacts],
        media=None if state.media is None else _media(state.media),
        error=None if state.error is None else _error(state.error),
        queued_at=queued_at,
        duration_us=keys.duration_us,
        position=position,
        log_bytes=new_bytes + (0 if before is None else before.log_bytes),
    )


def prompt_row(state: Job, number: int, prompts: JobPrompts | None) -> Row:
    """Return the row of `prompts`; `prompts` is None for an erased job."""
    return {
        "number": number,
        "job_id": state.id,
        "tenant": state.tenant,
        "prompt": prompts.prompt if prompts is not None else None,
        "negative_prompt": prompts.negative_prompt if prompts is not None else None,
    }


def trigram_row(state: Job, number: int, prompts: JobPrompts | None) -> Row:
    """Return the row of `prompt_trigrams`; `prompts` is None for an erased job."""
    prompt = prompts.prompt if prompts is not None else None
    grams = sorted(trigrams(state.id) | trigrams(prompt or ""))
    return {"number": number, "tenant": state.tenant, "grams": grams}


def scene_rows(state: Job) -> Iterator[Row]:
    """Yield the rows of `scenes`."""
    for scene in state.scenes:
        yield {
            "job_id": state.id,
            "scene": scene.index,
            "start_seconds": scene.start_seconds,
            "duration_seconds": scene.duration_seconds,
            "frames": scene.frames,
            "camera": scene.camera,
            "transition": scene.transition,
            "seed": scene.seed,
            "artifact_key": None if scene.artifact is None else scene.artifact.key,
        }


def attempt_row(job_id: str, attempt: Attempt) -> Row:
    """Return the row of `attempts`."""
    return {
        "job_id": job_id,
        "attempt": attempt.number,
        "worker": attempt.worker,
        "hardware": attempt.runtime.hardware,
        "model_revision": attempt.runtime.model_revision,
        "libraries": dict(attempt.runtime.libraries),
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "error": None if attempt.error is None else _error(attempt.error),
    }


def artifact_rows(state: Job) -> Iterator[Row]:
    """Yield the rows of `artifacts`."""
    for index, artifact in enumerate(state.artifacts):
        yield {"job_id": state.id, "place": index, **_file(artifact)}


def thumbnail_rows(state: Job) -> Iterator[Row]:
    """Yield the rows of `artifacts` of the thumbnails of scenes. Their places are far after those of other files."""
    for scene in state.scenes:
        if scene.thumbnail is not None:
            yield {"job_id": state.id, "place": THUMBNAIL_PLACE + scene.index, **_file(scene.thumbnail)}


def input_rows(state: Job) -> Iterator[Row]:
    """Yield the rows of `artifacts` of what a job starts from. Their places are counted down from -1."""
    for index, one in enumerate(state.spec.inputs):
        yield {"job_id": state.id, "place": -1 - index, **_file(one.file)}


def _artifact(artifact: Artifact) -> dict[str, object]:
    """Return an artifact as lists show it: with every field."""
    return {**_file(artifact), "signed_by": artifact.signed_by}


def _file(artifact: Artifact) -> dict[str, object]:
    return {
        "kind": artifact.kind.value,
        "key": artifact.key,
        "sha256": artifact.sha256,
        "size_bytes": artifact.size_bytes,
        "media_type": artifact.media_type,
    }


def _media(media: MediaFacts) -> dict[str, object]:
    """Return the column of a video. Without sound it is that of earlier versions, so that replays find it equal."""
    sound = {
        "audio_codec": media.audio_codec,
        "audio_sample_rate": media.audio_sample_rate,
        "audio_channels": media.audio_channels,
    }
    return {
        "width": media.width,
        "height": media.height,
        "frames": media.frames,
        "fps": media.fps,
        "duration_seconds": media.duration_seconds,
        "codec": media.codec,
        "pixel_format": media.pixel_format,
        "frame_hash": media.frame_hash,
        **{name: value for name, value in sound.items() if value},
    }


def _error(error: JobError) -> dict[str, object]:
    return {"code": error.code, "message": error.message, "retryable": error.retryable}
