"""How much tenants use, computed from the whole log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kinolog.job import events as e
from kinolog.job.commit import RecordedCommit
from kinolog.job.cost import job_cost
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.use.tenant_use import AllUse, MinuteCost, QueuedJob, TenantUse


def all_use(jobs: Iterable[Job], commits: Iterable[RecordedCommit], since: datetime, position: int) -> AllUse:
    """Return what all tenants use."""
    queued = [QueuedJob(job.tenant, job.id) for job in jobs if job.status is Status.QUEUED]
    return AllUse(position=position, queued=queued, costs=list(_costs(commits, since)))


def tenants(jobs: Iterable[Job]) -> list[str]:
    """Return the names of all tenants that have submitted jobs, sorted."""
    return sorted({job.tenant for job in jobs})


def tenant_use(
    tenant: str, jobs: Iterable[Job], commits: Iterable[RecordedCommit], since: datetime
) -> TenantUse:
    """Return what a tenant uses."""
    mine = [job for job in jobs if job.tenant == tenant]
    return TenantUse(
        queued_jobs=sum(job.status is Status.QUEUED for job in mine),
        running_jobs=sum(job.status is Status.PROCESSING for job in mine),
        cost=sum(each.cost for each in _costs(commits, since) if each.tenant == tenant),
    )


def artifact_bytes(tenant: str, jobs: Iterable[Job]) -> int:
    """Return the size of the files of a tenant's jobs."""
    mine = [job for job in jobs if job.tenant == tenant]
    files = [file for job in mine for file in (*job.artifacts, *(each.file for each in job.spec.inputs))]
    files += [scene.thumbnail for job in mine for scene in job.scenes if scene.thumbnail]
    return sum(file.size_bytes for file in files)


def log_bytes(tenant: str, commits: Iterable[RecordedCommit]) -> int:
    """Return the size of the commits of a tenant's jobs."""
    return sum(len(recorded.raw) for recorded in commits if recorded.commit.state.tenant == tenant)


def _costs(commits: Iterable[RecordedCommit], since: datetime) -> Iterator[MinuteCost]:
    start = since.replace(second=0, microsecond=0)
    for recorded in commits:
        job = recorded.commit.state
        for event in recorded.commit.events:
            if isinstance(event, e.Submitted | e.Retried) and event.at >= start:
                yield MinuteCost(job.tenant, event.at.replace(second=0, microsecond=0), job_cost(job.spec))
