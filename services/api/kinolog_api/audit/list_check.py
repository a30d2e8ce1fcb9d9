"""Checks that lists show a job as its history makes it. Pure: the caller reads the record and the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from kinolog.codec.public_job import UnsealedFields
from kinolog.counts import counted
from kinolog.job.commit import RecordedCommit
from kinolog.job.evolve import BrokenHistory, fold_commits
from kinolog.job.state import Job, ListedFields
from kinolog.job.values import Spec
from kinolog.ports.read_model import JobRow
from kinolog_api.audit.checks import RecordCheck

NAME = "lists"
MAX_NAMED_FIELDS = 5

_LISTED = [field.name for field in fields(ListedFields)]
_OF_SPEC = sorted(
    {field.name for field in fields(Spec)}
    & {field.name for field in fields(JobRow)} - {"prompt", "negative_prompt"}
)


def check_listed(
    history: Sequence[RecordedCommit], row: JobRow | None, projected_up_to: int, texts: UnsealedFields | None
) -> RecordCheck:
    """Check the row of a job against its history, as far as the read models have reached it.

    `projected_up_to` was read before the row. `texts` are the prompts of the log; None if they cannot be read.
    """
    reached = max(projected_up_to, row.position if row is not None else 0)
    known = [recorded for recorded in history if recorded.position <= reached]
    if not known:
        if row is not None:
            return RecordCheck(
                NAME, False, "lists show the job, which the log does not have up to that position"
            )
        return RecordCheck(NAME, True, "the read models have not reached the job yet")
    if row is None:
        return RecordCheck(NAME, False, "lists lack the job")
    try:
        job = fold_commits(recorded.commit for recorded in known)
    except BrokenHistory:
        job = None
    if job is None:
        return RecordCheck(NAME, False, "the history cannot be folded, so nothing can be compared")
    wrong = _differing_fields(job, known[-1].position, row, texts)
    if wrong:
        more = len(wrong) - MAX_NAMED_FIELDS
        named = ", ".join(wrong[:MAX_NAMED_FIELDS]) + (f" and {more} more" if more > 0 else "")
        return RecordCheck(NAME, False, f"lists show another {named} than the log")
    pending = len(history) - len(known)
    rest = f"; not in them yet: {counted(pending, 'commit')}" if pending else ""
    return RecordCheck(NAME, True, f"lists show the job as its history makes it{rest}")


def _differing_fields(job: Job, position: int, row: JobRow, texts: UnsealedFields | None) -> list[str]:
    """Return the names of the fields that differ. What workers report live does not follow from the log."""
    expected: dict[str, object] = {name: getattr(job, name) for name in _LISTED}
    expected |= {name: getattr(job.spec, name) for name in _OF_SPEC}
    expected |= {
        "worker": job.worker,
        "scene": job.scene,
        "scene_count": job.scene_count,
        "run_seconds": job.run_seconds,
        "scenes_rendered": len(job.scenes) - len(job.pending_scenes),
        "position": position,
    }
    if job.erased:
        expected |= {"prompt": "", "negative_prompt": ""}
    elif texts is not None:
        expected |= {"prompt": texts.prompt, "negative_prompt": texts.negative_prompt}
    return [name for name, value in expected.items() if getattr(row, name) != value]
