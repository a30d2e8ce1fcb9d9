"""What happened: the activity feed, log lines, the archive, and a job's place in the queue."""

from __future__ import annotations

from sqlalchemy import func, select, tuple_

from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.read_model import Activity, ArchivedCommit
from kinolog.readmodel.asking import rows, scalar
from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import activity, archive, jobs, log_lines

SEVERITIES = {level: place for place, level in enumerate(LogLevel)}
LEVELS = {place: level for level, place in SEVERITIES.items()}


async def list_activity(
    connection: Connection, tenant: str, before_position: int | None, limit: int
) -> tuple[Activity, ...]:
    """What happened last, newest first; a commit that would be cut in two is left to the next page."""
    statement = (
        select(
            activity.c.position,
            activity.c.index,
            activity.c.job_id,
            activity.c.event,
            activity.c.actor,
            activity.c.at,
        )
        .where(activity.c.tenant == tenant)
        .order_by(activity.c.position.desc(), activity.c.index.desc())
        .limit(limit + 1)
    )
    if before_position is not None:
        statement = statement.where(activity.c.position < before_position)
    found = [Activity(*row) for row in await rows(connection, statement)]
    if len(found) <= limit:
        return tuple(found)
    whole = [entry for entry in found[:limit] if entry.position != found[limit].position]
    return tuple(whole or found[:limit])


async def list_log_entries(
    connection: Connection, job_id: str, limit: int, after_sequence: int, min_level: LogLevel
) -> tuple[LogLine, ...]:
    """Log lines of a job, oldest first."""
    columns = log_lines.c
    statement = (
        select(
            columns.job_id, columns.attempt, columns.at, columns.severity, columns.message, columns.sequence
        )
        .where(columns.job_id == job_id, columns.severity >= SEVERITIES[min_level])
        .limit(limit)
    )
    if after_sequence:
        statement = statement.where(columns.sequence > after_sequence).order_by(columns.sequence)
    else:
        statement = statement.order_by(columns.sequence.desc())
    found = [
        LogLine(job, attempt, at, LEVELS[severity], message, sequence)
        for job, attempt, at, severity, message, sequence in await rows(connection, statement)
    ]
    return tuple(found if after_sequence else reversed(found))


async def archived_commits(connection: Connection, job_id: str) -> list[ArchivedCommit]:
    """The commits of a job as they were archived, oldest first."""
    statement = (
        select(archive.c.position, archive.c.job_id, archive.c.raw, archive.c.digest)
        .where(archive.c.job_id == job_id)
        .order_by(archive.c.position)
    )
    return [
        ArchivedCommit(position, job, bytes(raw), bytes(digest))
        for position, job, raw, digest in await rows(connection, statement)
    ]


async def queue_position(connection: Connection, job_id: str) -> int | None:
    """Jobs of the same model class that are more urgent or wait for longer; None unless it waits."""
    its = select(jobs.c.model_class, jobs.c.urgency, jobs.c.queued_at, jobs.c.number).where(
        jobs.c.id == job_id, jobs.c.status == "queued"
    )
    found = await rows(connection, its)
    if not found:
        return None
    model_class, urgency, queued_at, number = found[0]
    waiting = (jobs.c.status == "queued", jobs.c.model_class == model_class)
    more_urgent = select(func.count()).where(*waiting, jobs.c.urgency > urgency)
    longer = select(func.count()).where(
        *waiting,
        jobs.c.urgency == urgency,
        tuple_(jobs.c.queued_at, jobs.c.number) < tuple_(queued_at, number),
    )
    return int(await scalar(connection, more_urgent)) + int(await scalar(connection, longer))
