"""Maps rows of `jobs` and `prompts` to the port's `JobRow`, by name.

A field of `JobRow` holds the column of the same name. The few that need translation have an entry in `_READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from kinolog.job.values import Artifact, ArtifactKind, JobError, MediaFacts, Stage, Status
from kinolog.ports.read_model import JobRow
from kinolog.readmodel.priority_order import priority_at
from kinolog.readmodel.tables import jobs, prompts

_STORED_AS = {"priority": "urgency", "run_seconds": "duration_us"}
"""Names of columns that differ from their field of `JobRow`."""

_FIELDS = [field.name for field in fields(JobRow)]
_JOB_FIELDS = [name for name in _FIELDS if _STORED_AS.get(name, name) in jobs.c]
_PROMPT_FIELDS = [name for name in _FIELDS if name not in _JOB_FIELDS]

JOB_COLUMNS = [jobs.c[_STORED_AS.get(name, name)] for name in _JOB_FIELDS]
"""The columns of `jobs` that a list reads."""
PROMPT_COLUMNS = [prompts.c[name] for name in _PROMPT_FIELDS]
"""The columns of `prompts` that a list reads, after those of `jobs`."""

_READ_FIELDS = (*_JOB_FIELDS, *_PROMPT_FIELDS)
READ_COLUMNS = len(_READ_FIELDS)


def job_from_row(row: Sequence[Any]) -> JobRow:
    """Return the job in a row of `JOB_COLUMNS` and `PROMPT_COLUMNS`; further columns are ignored."""
    values = dict(zip(_READ_FIELDS, row, strict=False))
    for name, read in _READERS.items():
        values[name] = read(values[name])
    return JobRow(**values)


def _seconds(value: int) -> float | None:
    return value / 1_000_000 if value >= 0 else None


def _stage(value: str | None) -> Stage | None:
    return Stage(value) if value else None


def _artifacts(values: Sequence[Mapping[str, Any]]) -> tuple[Artifact, ...]:
    return tuple([Artifact(**{**facts, "kind": ArtifactKind(facts["kind"])}) for facts in values])


def _media(facts: Mapping[str, Any] | None) -> MediaFacts | None:
    return MediaFacts(**facts) if facts else None


def _error(facts: Mapping[str, Any] | None) -> JobError | None:
    return JobError(**facts) if facts else None


def _text(value: str | None) -> str:
    return value or ""


_READERS: dict[str, Callable[[Any], Any]] = {
    "status": Status,
    "priority": priority_at,
    "stage": _stage,
    "run_seconds": _seconds,
    "artifacts": _artifacts,
    "media": _media,
    "error": _error,
    "prompt": _text,
    "negative_prompt": _text,
}
