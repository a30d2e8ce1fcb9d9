"""Numbers of jobs, and selections of them for bulk commands."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import BigInteger, bindparam, func, select

from kinolog.job.values import Status
from kinolog.ports.read_model import JobCounts, JobFilter, Overview, TimeRange
from kinolog.readmodel.queries import charts, job_counts
from kinolog.readmodel.queries.conditions import FilterShape, job_conditions, shape_of, values_of
from kinolog.readmodel.queries.job_list import POSITION, position_in
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import jobs


@lru_cache(maxsize=256)
def _counted(shape: FilterShape) -> PreparedQuery:
    """Numbers of jobs by status, counted one by one: for texts."""
    statement = select(jobs.c.status, func.count()).where(*job_conditions(shape))
    return PreparedQuery(statement.group_by(jobs.c.status))


@lru_cache(maxsize=256)
def _selected(shape: FilterShape) -> PreparedQuery:
    """Ids, oldest first."""
    statement = select(jobs.c.id).where(*job_conditions(shape))
    return PreparedQuery(
        statement.order_by(jobs.c.created_at, jobs.c.number).limit(bindparam("limit", type_=BigInteger()))
    )


async def summarize(snapshot: Snapshot, tenant: str, wanted: JobFilter) -> JobCounts:
    """Numbers of jobs by status: from counters, unless a text is looked for."""
    asked = job_counts.counted(tenant, wanted)
    if wanted.text:
        asked = _counted(shape_of(wanted)), values_of(tenant, wanted)
    seen, rows = await snapshot.ask((POSITION, {}), asked, last=True)
    counts = job_counts.counts_in(rows)
    return JobCounts({status: counts.get(status.value, 0) for status in Status}, position_in(seen))


async def select_ids(snapshot: Snapshot, tenant: str, wanted: JobFilter, limit: int) -> list[str]:
    """Ids of the first jobs that match, oldest first."""
    values = values_of(tenant, wanted) | {"limit": limit}
    return [row[0] for row in await _selected(shape_of(wanted)).rows(snapshot, values)]


async def overview(snapshot: Snapshot, tenant: str, span: TimeRange) -> Overview:
    """The numbers on top of a dashboard."""
    now = await job_counts.count(snapshot, tenant, JobFilter())
    return await charts.overview(snapshot, tenant, span, now)
