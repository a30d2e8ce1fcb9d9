"""The activity feed, log lines, the archive, and positions in the queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.codec.progress import decode_note
from kinolog.job.values import Priority
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.read_model import ActivityRow, JobRow
from kinolog.readmodel.permanent_tables import archive, log_lines
from kinolog.readmodel.priority_order import PRIORITY_ORDERS, priority_at
from kinolog.readmodel.queries.conditions import TENANT
from kinolog.readmodel.queries.job_rows import JOB_COLUMNS, PROMPT_COLUMNS, job_from_row
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.roles import JOB_SETTING
from kinolog.readmodel.tables import activity, jobs, prompts
from kinolog.scheduling.queue_order import jobs_before

SEVERITIES = {level: severity for severity, level in enumerate(LogLevel)}
"""Numbers of log levels in `log_lines`, debug first."""
_LEVELS = {severity: level for level, severity in SEVERITIES.items()}

_LIMIT = bindparam("limit", type_=BigInteger())
_JOB = bindparam("job_id", type_=Text())
_JOBS = bindparam("job_ids", type_=ARRAY(Text()))


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

_ARCHIVED_TAILS = PreparedQuery(
    select(archive.c.job_id, func.max(archive.c.position))
    .where(archive.c.job_id == any_(_JOBS))
    .group_by(archive.c.job_id)
)
_OWN_JOB = PreparedQuery(
    select(
        func.set_config(
            JOB_SETTING,
            func.coalesce(select(jobs.c.id).where(jobs.c.id == _JOB).scalar_subquery(), ""),
            literal_column("true"),
        )
    )
)
"""Names the job whose log lines the transaction may read: one in `jobs`, where the reader sees those of its tenant."""

_JOB_ROW = PreparedQuery(
    select(*JOB_COLUMNS)
    .select_from(jobs.outerjoin(prompts, prompts.c.number == jobs.c.number))
    .add_columns(*PROMPT_COLUMNS)
    .where(jobs.c.id == _JOB, jobs.c.tenant == TENANT)
)

MAX_QUEUED_JOBS = 10_000
"""Jobs of a tenant in each lane that positions in the queue are computed from; those further back have none."""

_QUEUED = and_(jobs.c.status == literal_column("'queued'"), jobs.c.paused_at.is_(None))
"""Not a parameter: a plan for any value could not use the index of queued jobs."""

_STARTABLE = jobs.c.queued_at <= bindparam("now", type_=jobs.c.queued_at.type)

_QUEUED_JOBS = PreparedQuery(
    select(jobs.c.id, jobs.c.number, jobs.c.model_class).where(
        jobs.c.id == any_(_JOBS), jobs.c.tenant == TENANT, _QUEUED, _STARTABLE
    ),
    generic_plan=True,
)


def _lane(order: int) -> Select[Any]:
    """Select the number of a tenant's jobs in a lane, as a row without a number, and the places of some of them.

    All of it comes from the index of queued jobs, in its order.
    """
    place = func.row_number().over(order_by=(jobs.c.queued_at, jobs.c.number)).label("place")
    queued = (
        select(jobs.c.number, place)
        .where(
            _QUEUED,
            jobs.c.tenant == TENANT,
            jobs.c.model_class == bindparam("model_class", type_=Text()),
            jobs.c.urgency == order,
            _STARTABLE,
        )
        .order_by(jobs.c.queued_at, jobs.c.number)
        .limit(MAX_QUEUED_JOBS)
        .subquery()
    )
    number = case((queued.c.number == any_(bindparam("numbers", type_=ARRAY(BigInteger()))), queued.c.number))
    return select(literal(order), number.label("number"), func.max(queued.c.place)).group_by(number)


_LANES = PreparedQuery(union_all(*map(_lane, PRIORITY_ORDERS)), generic_plan=True)


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
    snapshot: Snapshot, tenant: str, job_id: str, limit: int, after_sequence: int, min_level: LogLevel
) -> tuple[LogLine, ...]:
    """Return log lines of a job of the tenant, oldest first."""
    query = _FIRST_LINES if after_sequence else _LAST_LINES
    values = {
        "tenant": tenant,
        "job_id": job_id,
        "severity": SEVERITIES[min_level],
        "after": min(after_sequence, 1 << 62),
        "limit": limit,
    }
    _, found = await snapshot.run((_OWN_JOB, values), (query, values))
    lines = [_log_line(record) for record in query.keyed(found)]
    return tuple(lines if after_sequence else reversed(lines))


def _log_line(record: dict[str, Any]) -> LogLine:
    level, note = _LEVELS[record.pop("severity")], record.pop("note")
    return LogLine(level=level, note=decode_note(note) if note else None, **record)


async def archived_commits(snapshot: Snapshot, job_id: str) -> list[ArchivedCommit]:
    """Return the archived commits of a job, oldest first."""
    return [ArchivedCommit(**record) for record in await _ARCHIVED.records(snapshot, {"job_id": job_id})]


async def job_row(snapshot: Snapshot, tenant: str, job_id: str) -> JobRow | None:
    """Return the row of a job of the tenant; None if there is none."""
    rows = await _JOB_ROW.rows(snapshot, {"tenant": tenant, "job_id": job_id})
    return job_from_row(rows[0]) if rows else None


async def archived_tails(snapshot: Snapshot, job_ids: Sequence[str]) -> dict[str, int]:
    """Return the last archived position of each job that the archive knows: one read of the index per job."""
    (rows,) = await snapshot.run((_ARCHIVED_TAILS, {"job_ids": list(job_ids)}), last=True)
    return {str(job_id): int(position) for job_id, position in rows}


async def queue_positions(
    snapshot: Snapshot, tenant: str, job_ids: Sequence[str], now: datetime
) -> dict[str, int]:
    """Return how many jobs of the tenant and of their model class start before the queued ones among some jobs.

    Jobs that wait for a time after `now` are left out.
    """
    found = await _QUEUED_JOBS.rows(snapshot, {"tenant": tenant, "job_ids": list(job_ids), "now": now})
    ids = {number: job_id for job_id, number, _ in found}
    model_classes = sorted({model_class for _, _, model_class in found})
    if not model_classes:
        return {}
    same = {"tenant": tenant, "numbers": list(ids), "now": now}
    values = [same | {"model_class": model_class} for model_class in model_classes]
    positions = {}
    for lanes in await snapshot.run(*((_LANES, one) for one in values), last=True):
        queued: dict[Priority, int] = {}
        places: list[tuple[Priority, int, int]] = []
        for order, number, place in lanes:
            priority = priority_at(order)
            queued[priority] = max(queued.get(priority, 0), place)
            if number is not None:
                places.append((priority, number, place))
        # A lane that is cut off may be longer: the turns that it has before a job are then not known.
        longest = {lane: length if length < MAX_QUEUED_JOBS else 1 << 62 for lane, length in queued.items()}
        for priority, number, place in places:
            before = jobs_before(priority, place - 1, queued)
            if before == jobs_before(priority, place - 1, longest):
                positions[ids[number]] = before
    return positions
