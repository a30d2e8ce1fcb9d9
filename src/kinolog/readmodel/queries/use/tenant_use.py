"""How much tenants use: waiting jobs, costs and bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, cast, func, select

from kinolog.job.values import Status
from kinolog.ports.read_model import JobFilter
from kinolog.ports.use.tenant_use import AllUse, MinuteCost, QueuedJob, TenantUse
from kinolog.readmodel.queries import job_counts
from kinolog.readmodel.queries.job_list import POSITION, position_in
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import artifact_sizes, jobs, minute_costs, queued_jobs, rollups
from kinolog.readmodel.time_buckets import BUCKET_SECONDS

_TENANT = bindparam("tenant", type_=Text())
_SINCE = bindparam("since", type_=rollups.c.at.type)
_COST: Any = cast(func.coalesce(func.sum(rollups.c.cost), 0), BigInteger)

_QUEUED = PreparedQuery(select(queued_jobs.c.tenant, queued_jobs.c.id))
_COSTS = PreparedQuery(
    select(minute_costs.c.tenant, minute_costs.c.at, cast(func.sum(minute_costs.c.cost), BigInteger))
    .where(minute_costs.c.at >= _SINCE)
    .group_by(minute_costs.c.tenant, minute_costs.c.at)
)
_TENANTS = PreparedQuery(select(minute_costs.c.tenant).distinct().order_by(minute_costs.c.tenant))
_DATABASE_TIME = PreparedQuery(select(func.clock_timestamp()))
_TENANT_COST = PreparedQuery(
    select(_COST).where(
        rollups.c.tenant == _TENANT,
        rollups.c.bucket_seconds == BUCKET_SECONDS[0],
        rollups.c.at >= _SINCE,
    )
)
_TENANT_BYTES = PreparedQuery(
    select(cast(func.coalesce(func.sum(artifact_sizes.c.size_bytes), 0), BigInteger)).where(
        artifact_sizes.c.tenant == _TENANT
    )
)

_TENANT_LOG_BYTES = PreparedQuery(
    select(cast(func.coalesce(func.sum(jobs.c.log_bytes), 0), BigInteger)).where(jobs.c.tenant == _TENANT)
)


def _minute(since: datetime) -> datetime:
    return since.replace(second=0, microsecond=0)


async def tenants(snapshot: Snapshot) -> list[str]:
    """Return the names of all tenants that have submitted jobs, sorted. Every job costs something."""
    return [str(tenant) for (tenant,) in await _TENANTS.rows(snapshot)]


async def database_time(snapshot: Snapshot) -> datetime:
    """Return the time by the clock of the database."""
    rows = await _DATABASE_TIME.rows(snapshot)
    now: datetime = rows[0][0]
    return now


async def all_use(snapshot: Snapshot, since: datetime) -> AllUse:
    """Return what all tenants use."""
    position, queued, costs = await snapshot.run(
        (POSITION, {}), (_QUEUED, {}), (_COSTS, {"since": _minute(since)}), last=True
    )
    return AllUse(
        position=position_in(position),
        queued=[QueuedJob(*row) for row in queued],
        costs=[MinuteCost(*row) for row in costs],
    )


async def artifact_bytes(snapshot: Snapshot, tenant: str) -> int:
    """Return the size of the files of a tenant's jobs."""
    ((size,),) = await _TENANT_BYTES.rows(snapshot, {"tenant": tenant})
    return int(size)


async def log_bytes(snapshot: Snapshot, tenant: str) -> int:
    """Return the size of the commits of a tenant's jobs."""
    ((size,),) = await _TENANT_LOG_BYTES.rows(snapshot, {"tenant": tenant})
    return int(size)


async def tenant_use(snapshot: Snapshot, tenant: str, since: datetime) -> TenantUse:
    """Return what a tenant uses."""
    values = {"tenant": tenant, "since": _minute(since)}
    counted, costs = await snapshot.run(
        job_counts.count_query(tenant, JobFilter()), (_TENANT_COST, values), last=True
    )
    counts = job_counts.counts_in(counted)
    return TenantUse(
        queued_jobs=counts.get(Status.QUEUED.value, 0),
        running_jobs=counts.get(Status.PROCESSING.value, 0),
        cost=int(costs[0][0]),
    )
