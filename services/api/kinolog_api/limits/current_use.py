"""What tenants use now: what the log says, and what this process is about to add to it.

A job takes a place from before it is stored until the log shows it. All methods return at once, so that a check and
what it reserves are one step.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush

from kinolog.job import events as e
from kinolog.job.commit import RecordedCommit
from kinolog.job.cost import job_cost
from kinolog.job.values import Status
from kinolog.ports.use.tenant_use import AllUse

DAY = timedelta(hours=24)
"""Budgets are for this time before now."""
MINUTE = timedelta(minutes=1)


class DayCost:
    """What was submitted in the last 24 hours, by the minute."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[datetime, int]] = deque()
        self._total = 0

    def add(self, at: datetime, cost: int) -> None:
        """Add a cost. A time before the last one counts as the last one."""
        minute = at.replace(second=0, microsecond=0)
        if self._minutes and self._minutes[-1][0] >= minute:
            last, before = self._minutes.pop()
            self._minutes.append((last, before + cost))
        else:
            self._minutes.append((minute, cost))
        self._total += cost

    def total(self, now: datetime) -> int:
        """Return the sum of the last 24 hours."""
        while self._minutes and self._minutes[0][0] + MINUTE <= now - DAY:
            self._total -= self._minutes.popleft()[1]
        return self._total

    def seconds_until(self, total: int, now: datetime) -> float:
        """Return when the sum has fallen to `total`, if nothing is added, in seconds."""
        left = self.total(now)
        for minute, cost in self._minutes:
            left -= cost
            if left <= total:
                return max(1.0, (minute + MINUTE + DAY - now).total_seconds())
        return DAY.total_seconds()


@dataclass(slots=True)
class UseOfTenant:
    """What one tenant uses. `reserved` are the costs of jobs that are about to be stored, by id.

    No job is in both: the commit that brings it into the queue ends its reservation.
    """

    queued: set[str] = field(default_factory=set)
    reserved: dict[str, int] = field(default_factory=dict)
    costs: DayCost = field(default_factory=DayCost)

    @property
    def queue_length(self) -> int:
        """Number of jobs that wait or are about to."""
        return len(self.queued) + len(self.reserved)

    def day_cost(self, now: datetime) -> int:
        """Return the costs of the last 24 hours, with those of jobs that are about to be stored."""
        return self.costs.total(now) + sum(self.reserved.values())


class CurrentUse:
    """What all tenants use. It is known from the first `start` on."""

    def __init__(self) -> None:
        self.is_known = False
        self.position = 0
        """Position of the log up to which it is known."""
        self._tenants: defaultdict[str, UseOfTenant] = defaultdict(UseOfTenant)
        self._stored: list[tuple[int, str, str]] = []

    def of(self, tenant: str) -> UseOfTenant:
        """Return what a tenant uses."""
        return self._tenants[tenant]

    def start(self, use: AllUse) -> None:
        """Begin with what the read model knows. Reservations stay."""
        for tenant in self._tenants.values():
            tenant.queued, tenant.costs = set(), DayCost()
        for name, job_id in use.queued:
            self._tenants[name].queued.add(job_id)
        for minute in sorted(use.costs, key=lambda each: each.at):
            self._tenants[minute.tenant].costs.add(minute.at, minute.cost)
        self.position = use.position
        self.is_known = True

    def apply(self, batch: Sequence[RecordedCommit]) -> None:
        """Add commits of the log, in its order."""
        for recorded in batch:
            job = recorded.commit.state
            tenant = self._tenants[job.tenant]
            if job.status is Status.QUEUED:
                tenant.queued.add(job.id)
            else:
                tenant.queued.discard(job.id)
            for event in recorded.commit.events:
                if isinstance(event, e.Submitted | e.Retried):
                    tenant.costs.add(event.at, job_cost(job.spec))
                    tenant.reserved.pop(job.id, None)
            self.position = recorded.position
        while self._stored and self._stored[0][0] <= self.position:
            _, name, job_id = heappop(self._stored)
            self._tenants[name].reserved.pop(job_id, None)

    def give_back(self, tenant: str, job_id: str, position: int | None) -> None:
        """End the reservation of a job, once its commit at `position` is known here; None if nothing was stored."""
        if position is None or position <= self.position:
            self._tenants[tenant].reserved.pop(job_id, None)
        else:
            heappush(self._stored, (position, tenant, job_id))
