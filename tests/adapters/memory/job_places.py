"""Where jobs were at a position, folded from the whole log in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kinolog.job import events as e
from kinolog.job.commit import RecordedCommit
from kinolog.job.interruption import INTERRUPTED
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.search.event_search import JobSpell, SpellsAt
from kinolog.readmodel.priority_order import priority_order


def spells_at(commits: Sequence[RecordedCommit], position: int, status: Status, limit: int) -> SpellsAt:
    """Return the jobs that had a status at a position."""
    earlier = [one for one in commits if one.position <= position]
    by_job: dict[str, list[RecordedCommit]] = {}
    for recorded in earlier:
        by_job.setdefault(recorded.commit.job_id, []).append(recorded)
    found = [
        (history[0].position, _spell(history))
        for history in by_job.values()
        if history[-1].commit.state.status is status
    ]
    if status is Status.QUEUED:
        found.sort(
            key=lambda one: (one[1].paused, -priority_order(one[1].priority), one[1].queued_at, one[0])
        )
    else:
        found.sort(key=lambda one: (one[1].worker, one[1].first_position))
    return SpellsAt(
        position=position,
        at=earlier[-1].commit.at if earlier else None,
        spells=tuple(spell for _, spell in found[:limit]),
        total=len(found),
    )


def _spell(history: Sequence[RecordedCommit]) -> JobSpell:
    first = history[-1]
    place = _place(history)
    for length in range(len(history) - 1, 0, -1):
        if _place(history[:length]) != place:
            break
        first = history[length - 1]
    job = history[-1].commit.state
    return JobSpell(
        job_id=job.id,
        status=job.status,
        model=job.spec.model,
        model_class=job.spec.model_class,
        priority=job.priority,
        queued_at=_queued_at(history),
        paused=job.paused_at is not None,
        attempt=len(job.attempts),
        worker=job.attempts[-1].worker if job.status is Status.PROCESSING else "",
        since=first.commit.at,
        first_position=first.position,
    )


def _place(history: Sequence[RecordedCommit]) -> tuple[object, ...]:
    job: Job = history[-1].commit.state
    return (job.status, job.priority, _queued_at(history), job.paused_at is not None, len(job.attempts))


def _queued_at(history: Sequence[RecordedCommit]) -> datetime:
    """Return when the job was queued: an interrupted attempt keeps its place."""
    queued_at, keeps = history[0].commit.state.created_at, False
    for recorded in history:
        for event in recorded.commit.events:
            if isinstance(event, e.AttemptFailed | e.Retried):
                keeps = isinstance(event, e.AttemptFailed) and event.error.code in INTERRUPTED
            elif isinstance(event, e.Queued):
                if not keeps:
                    queued_at = max(event.at, event.not_before or event.at)
                keeps = False
    return queued_at
