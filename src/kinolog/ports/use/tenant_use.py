"""Port: how much tenants use, as far as the read model knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol


class QueuedJob(NamedTuple):
    """A job that waits in the queue."""

    tenant: str
    job_id: str


class MinuteCost(NamedTuple):
    """What a tenant's jobs cost that were submitted or retried in the minute from `at` on."""

    tenant: str
    at: datetime
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllUse:
    """What all tenants use at a position of the log."""

    position: int
    queued: Sequence[QueuedJob]
    costs: Sequence[MinuteCost]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantUse:
    """What one tenant uses. `cost` is that of the jobs that it submitted or retried in the time that was asked for."""

    queued_jobs: int
    running_jobs: int
    cost: int


class TenantUseReader(Protocol):
    """What the read model knows of the use. Raises `ReadModelUnavailable`."""

    async def all_use(self, since: datetime) -> AllUse:
        """Return what all tenants use. Costs are those from the minute of `since` on."""
        ...

    async def tenants(self) -> list[str]:
        """Return the names of all tenants that have submitted jobs, sorted."""
        ...

    async def database_time(self) -> datetime:
        """Return the time by the clock of the database."""
        ...

    async def tenant_use(self, tenant: str, since: datetime) -> TenantUse:
        """Return what a tenant uses."""
        ...

    async def artifact_bytes(self, tenant: str) -> int:
        """Return the size of all files that the jobs of a tenant list. Each call adds them up."""
        ...

    async def log_bytes(self, tenant: str) -> int:
        """Return the size of the commits of all jobs of a tenant in the log. Each call adds them up."""
        ...
