"""Numbers of jobs, and selections of jobs for bulk commands."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import BigInteger, bindparam, select

from kinolog.job.values import Status
from kinolog.ports.read_model import JobCounts, JobFilter, Overview, TimeRange
from kinolog.readmodel.queries import charts, job_counts
from kinolog.readmodel.queries.conditions import FilterShape, job_conditions, shape_of, values_of
from kinolog.readmodel.queries.job_list import POSITION, position_in
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import jobs


@lru_cache(maxsize=256)
def _select_ids(shape: FilterShape) -> PreparedQuery:
    statement = select(jobs.c.id).where(*job_conditions(shape))
    return PreparedQuery(
        statement.order_by(jobs.c.created_at, jobs.c.number).limit(bindparam("limit", type_=BigInteger()))
    )


async def summarize(snapshot: Snapshot, tenant: str, job_filter: JobFilter) -> JobCounts:
    """Return numbers of jobs by status: from counters, unless the filter has what they do not know."""
    query = job_counts.count_query(tenant, job_filter)
    if job_filter.counted_one_by_one:
        values = values_of(tenant, job_filter)
        shape = await job_counts.shape_by_frequency(snapshot, shape_of(job_filter), values)
        query = job_counts.count_each(shape), values
    position, rows = await snapshot.run((POSITION, {}), query, last=True)
    counts = job_counts.counts_in(rows)
    return JobCounts(
        counts={status: counts.get(status.value, 0) for status in Status}, position=position_in(position)
    )


async def select_ids(snapshot: Snapshot, tenant: str, job_filter: JobFilter, limit: int) -> list[str]:
    """Return the ids of the first jobs that match, oldest first."""
    values = values_of(tenant, job_filter) | {"limit": limit}
    shape = await job_counts.shape_by_frequency(snapshot, shape_of(job_filter), values)
    return [job_id for (job_id,) in await _select_ids(shape).rows(snapshot, values)]


async def overview(snapshot: Snapshot, tenant: str, span: TimeRange) -> Overview:
    """Return the figures at the top of a dashboard."""
    now = await job_counts.count(snapshot, tenant, JobFilter())
    return await charts.overview(snapshot, tenant, span, now)
