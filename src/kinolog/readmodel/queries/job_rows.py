"""Rows of `jobs` as the port's `JobRow`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kinolog.job.values import Artifact, ArtifactKind, JobError, MediaFacts, Priority, Stage, Status
from kinolog.ports.read_model import JobRow
from kinolog.readmodel.tables import jobs

_NAMES = (
    "id",
    "tenant",
    "actor",
    "request_id",
    "status",
    "urgency",
    "model",
    "model_class",
    "width",
    "height",
    "frames",
    "fps",
    "steps",
    "guidance",
    "seed",
    "style",
    "attempt",
    "worker",
    "stage",
    "percent",
    "eta_seconds",
    "scenes",
    "scenes_rendered",
    "artifacts",
    "media",
    "error",
    "cancel_requested",
    "erased",
    "created_at",
    "updated_at",
    "queued_at",
    "started_at",
    "finished_at",
    "not_before",
    "gpu_seconds",
    "version",
    "position",
)
JOB_COLUMNS = [jobs.c[name] for name in _NAMES]
"""What a list reads of a job; behind them prompt and negative prompt."""

PRIORITIES = {3 - priority.rank: priority for priority in Priority}


def job_from_row(row: Sequence[Any]) -> JobRow:
    """A job from `JOB_COLUMNS`, prompt and negative prompt."""
    values = dict(zip(_NAMES, row, strict=False))
    prompt, negative_prompt = row[len(_NAMES) : len(_NAMES) + 2]
    values["status"] = Status(values["status"])
    values["priority"] = PRIORITIES[values.pop("urgency")]
    values["stage"] = Stage(values["stage"]) if values["stage"] else None
    values["artifacts"] = tuple(_artifact(one) for one in values["artifacts"])
    values["media"] = MediaFacts(**values["media"]) if values["media"] else None
    values["error"] = JobError(**values["error"]) if values["error"] else None
    return JobRow(**values, prompt=prompt or "", negative_prompt=negative_prompt or "")


def _artifact(facts: dict[str, Any]) -> Artifact:
    return Artifact(**{**facts, "kind": ArtifactKind(facts["kind"])})
