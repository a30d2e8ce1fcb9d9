"""What happened: the activity feed, log lines, the archive, and a job's place in the queue."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, Select, Text, bindparam, func, select, tuple_

from kinolog.codec.progress import decode_note
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.read_model import ActivityRow, ArchivedCommit
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import activity, archive, jobs, log_lines

SEVERITIES = {level: place for place, level in enumerate(LogLevel)}
LEVELS = {place: level for level, place in SEVERITIES.items()}

_LIMIT = bindparam("limit", type_=BigInteger())
_JOB = bindparam("job_id", type_=Text())


def _feed() -> Select[Any]:
    columns = activity.c
    return (
        select(columns.position, columns.index, columns.job_id, columns.event, columns.actor, columns.at)
        .where(
            columns.tenant == bindparam("tenant", type_=Text()),
            columns.position < bindparam("before", type_=BigInteger()),
        )
        .order_by(columns.position.desc(), columns.index.desc())
        .limit(_LIMIT)
    )


def _lines() -> Select[Any]:
    columns = log_lines.c
    return (
        select(
            columns.job_id,
            columns.attempt,
            columns.at,
            columns.severity,
            columns.message,
            columns.sequence,
            columns.note,
        )
        .where(
            columns.job_id == _JOB,
            columns.severity >= bindparam("severity", type_=Integer()),
            columns.sequence > bindparam("after", type_=BigInteger()),
        )
        .limit(_LIMIT)
    )


_FEED = PreparedQuery(_feed())
_FIRST_LINES = PreparedQuery(_lines().order_by(log_lines.c.sequence))
_LAST_LINES = PreparedQuery(_lines().order_by(log_lines.c.sequence.desc()))
_ARCHIVED = PreparedQuery(
    select(archive.c.position, archive.c.job_id, archive.c.raw, archive.c.digest)
    .where(archive.c.job_id == _JOB)
    .order_by(archive.c.position)
)

_WAITING = (
    jobs.c.status == "queued",
    jobs.c.model_class == bindparam("model_class", type_=Text()),
)
_URGENCY = bindparam("urgency", type_=Integer())
_PLACE = PreparedQuery(
    select(jobs.c.model_class, jobs.c.urgency, jobs.c.queued_at, jobs.c.number).where(
        jobs.c.id == _JOB, jobs.c.status == "queued"
    )
)
_MORE_URGENT = PreparedQuery(select(func.count()).where(*_WAITING, jobs.c.urgency > _URGENCY))
_WAIT_LONGER = PreparedQuery(
    select(func.count()).where(
        *_WAITING,
        jobs.c.urgency == _URGENCY,
        tuple_(jobs.c.queued_at, jobs.c.number)
        < tuple_(
            bindparam("queued_at", type_=jobs.c.queued_at.type), bindparam("number", type_=BigInteger())
        ),
    )
)


async def list_activity(
    snapshot: Snapshot, tenant: str, before_position: int | None, limit: int
) -> tuple[ActivityRow, ...]:
    """What happened last, newest first; a commit that would be cut in two is left to the next page."""
    before = (1 << 62) if before_position is None else min(before_position, 1 << 62)
    values = {"tenant": tenant, "before": before, "limit": limit + 1}
    found = [
        ActivityRow(position=position, index=index, job_id=job_id, event=event, actor=actor, at=at)
        for position, index, job_id, event, actor, at in await _FEED.rows(snapshot, values)
    ]
    if len(found) <= limit:
        return tuple(found)
    whole = [entry for entry in found[:limit] if entry.position != found[limit].position]
    return tuple(whole or found[:limit])


async def list_log_entries(
    snapshot: Snapshot, job_id: str, limit: int, after_sequence: int, min_level: LogLevel
) -> tuple[LogLine, ...]:
    """Log lines of a job, oldest first."""
    question = _FIRST_LINES if after_sequence else _LAST_LINES
    values = {
        "job_id": job_id,
        "severity": SEVERITIES[min_level],
        "after": min(after_sequence, 1 << 62),
        "limit": limit,
    }
    found = [
        LogLine(
            job_id=job,
            attempt=attempt,
            at=at,
            level=LEVELS[severity],
            message=message,
            sequence=sequence,
            note=decode_note(note) if note else None,
        )
        for job, attempt, at, severity, message, sequence, note in await question.rows(snapshot, values)
    ]
    return tuple(found if after_sequence else reversed(found))


async def archived_commits(snapshot: Snapshot, job_id: str) -> list[ArchivedCommit]:
    """The commits of a job as they were archived, oldest first."""
    return [
        ArchivedCommit(position=position, job_id=job, raw=bytes(raw), digest=bytes(digest))
        for position, job, raw, digest in await _ARCHIVED.rows(snapshot, {"job_id": job_id})
    ]


async def queue_position(snapshot: Snapshot, job_id: str) -> int | None:
    """Jobs of the same model class that are more urgent or wait for longer; None unless it waits."""
    found = await _PLACE.rows(snapshot, {"job_id": job_id})
    if not found:
        return None
    values = dict(zip(("model_class", "urgency", "queued_at", "number"), found[0], strict=True))
    more_urgent = await _MORE_URGENT.scalar(snapshot, values)
    return int(more_urgent) + int(await _WAIT_LONGER.scalar(snapshot, values))
