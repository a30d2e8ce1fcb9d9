"""The activity feed, log lines, the archive, and a job's position in the queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, Text, bindparam, func, select, tuple_

from kinolog.codec.progress import decode_note
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.read_model import ActivityRow, JobRow
from kinolog.readmodel.database import Connection
from kinolog.readmodel.permanent_tables import archive, log_lines
from kinolog.readmodel.queries.conditions import TENANT
from kinolog.readmodel.queries.job_rows import JOB_COLUMNS, PROMPT_COLUMNS, job_from_row
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import activity, jobs, prompts

ARCHIVED_TAILS = """
SELECT job_id, max(position) FROM kinolog.archive WHERE job_id = ANY(%s::text[]) GROUP BY job_id
"""
SEVERITIES = {level: severity for severity, level in enumerate(LogLevel)}
"""Numbers of log levels in `log_lines`, debug first."""
_LEVELS = {severity: level for level, severity in SEVERITIES.items()}

_LIMIT = bindparam("limit", type_=BigInteger())
_JOB = bindparam("job_id", type_=Text())


def _feed() -> Select[Any]:
    columns = activity.c
    return (
        select(columns.position, columns.index, columns.job_id, columns.event, columns.actor, columns.at)
        .where(
            columns.tenant == TENANT,
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

_JOB_ROW = PreparedQuery(
    select(*JOB_COLUMNS)
    .select_from(jobs.outerjoin(prompts, prompts.c.number == jobs.c.number))
    .add_columns(*PROMPT_COLUMNS)
    .where(jobs.c.id == _JOB)
)

_WAITING = (
    jobs.c.status == "queued",
    jobs.c.model_class == bindparam("model_class", type_=Text()),
)
_PRIORITY = bindparam("urgency", type_=Integer())
_QUEUED_JOB = PreparedQuery(
    select(jobs.c.model_class, jobs.c.urgency, jobs.c.queued_at, jobs.c.number).where(
        jobs.c.id == _JOB, jobs.c.status == "queued"
    )
)
_HIGHER_PRIORITY = PreparedQuery(select(func.count()).where(*_WAITING, jobs.c.urgency > _PRIORITY))
_SAME_PRIORITY_EARLIER = PreparedQuery(
    select(func.count()).where(
        *_WAITING,
        jobs.c.urgency == _PRIORITY,
        tuple_(jobs.c.queued_at, jobs.c.number)
        < tuple_(
            bindparam("queued_at", type_=jobs.c.queued_at.type), bindparam("number", type_=BigInteger())
        ),
    )
)


async def list_activity(
    snapshot: Snapshot, tenant: str, before_position: int | None, limit: int
) -> tuple[ActivityRow, ...]:
    """Return the newest activity, newest first; a commit that would be split is left to the next page."""
    before = (1 << 62) if before_position is None else min(before_position, 1 << 62)
    values = {"tenant": tenant, "before": before, "limit": limit + 1}
    entries = [ActivityRow(**record) for record in await _FEED.records(snapshot, values)]
    if len(entries) <= limit:
        return tuple(entries)
    whole = [entry for entry in entries[:limit] if entry.position != entries[limit].position]
    return tuple(whole or entries[:limit])


async def list_log_entries(
    snapshot: Snapshot, job_id: str, limit: int, after_sequence: int, min_level: LogLevel
) -> tuple[LogLine, ...]:
    """Return log lines of a job, oldest first."""
    query = _FIRST_LINES if after_sequence else _LAST_LINES
    values = {
        "job_id": job_id,
        "severity": SEVERITIES[min_level],
        "after": min(after_sequence, 1 << 62),
        "limit": limit,
    }
    lines = [_log_line(record) for record in await query.records(snapshot, values)]
    return tuple(lines if after_sequence else reversed(lines))


def _log_line(record: dict[str, Any]) -> LogLine:
    level, note = _LEVELS[record.pop("severity")], record.pop("note")
    return LogLine(level=level, note=decode_note(note) if note else None, **record)


async def archived_commits(snapshot: Snapshot, job_id: str) -> list[ArchivedCommit]:
    """Return the archived commits of a job, oldest first."""
    return [ArchivedCommit(**record) for record in await _ARCHIVED.records(snapshot, {"job_id": job_id})]


async def job_row(snapshot: Snapshot, job_id: str) -> JobRow | None:
    """Return the row of a job; None if there is none."""
    rows = await _JOB_ROW.rows(snapshot, {"job_id": job_id})
    return job_from_row(rows[0]) if rows else None


async def archived_tails(connection: Connection, job_ids: Sequence[str]) -> dict[str, int]:
    """Return the last archived position of each job that the archive knows: one read of the index per job."""
    cursor = await connection.execute(ARCHIVED_TAILS, [list(job_ids)])
    return {str(job_id): int(position) for job_id, position in await cursor.fetchall()}


async def queue_position(snapshot: Snapshot, job_id: str) -> int | None:
    """Return the number of jobs of the same model class that come first; None unless the job is queued.

    Those are jobs of higher priority, and jobs of the same priority that have waited longer.
    """
    records = await _QUEUED_JOB.records(snapshot, {"job_id": job_id})
    if not records:
        return None
    (job,) = records
    higher, earlier = await snapshot.run((_HIGHER_PRIORITY, job), (_SAME_PRIORITY_EARLIER, job))
    return int(higher[0][0]) + int(earlier[0][0])
