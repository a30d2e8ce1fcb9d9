"""The order in which the jobs of several tenants start within one lane: a fair share for each. Pure.

Each turn of a tenant of weight w ends 1/w of virtual time after it starts, and the tenant whose next turn starts first
is next (start-time fair queuing, as fairness keys of Temporal). So tenants that always have jobs share the starts in
the ratio of their weights. Of one tenant the job that was queued first starts first.

A tenant that takes fewer turns than its share saves the others, up to `SAVED_TURNS` of virtual time. It may use them
at once: someone who submits a few dozen jobs now and then does not wait for one who floods the queue.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable
from typing import TypeAlias

SAVED_TURNS = 100.0
"""Turns that a tenant of weight 1 may save."""

UNUSED_TENANTS = 1_000
"""Tenants without jobs whose turns are remembered before those that have all turns saved are forgotten."""

Weight: TypeAlias = Callable[[str], float]
"""Returns the weight of a tenant, greater than 0."""

_QueuedJob: TypeAlias = tuple[tuple[float, ...], str]
"""What orders a job among those of its tenant, and its id."""


class TenantTurns:
    """The queued jobs of one lane, and the turns that their tenants have taken."""

    def __init__(self, weight: Weight, saved_turns: float = SAVED_TURNS) -> None:
        if saved_turns < 0:
            raise ValueError("saved_turns must not be negative")
        self._weight = weight
        self._saved_turns = saved_turns
        self._jobs: dict[str, list[_QueuedJob]] = {}
        """The queued jobs of each tenant that has any, in order."""
        self._places: dict[str, tuple[str, tuple[float, ...]]] = {}
        """Tenant and order of each queued job."""
        self._starts: dict[str, float] = {}
        """When the next turn of each tenant starts, in virtual time."""
        self._virtual_now = 0.0

    @property
    def tenants(self) -> int:
        """How many tenants have queued jobs."""
        return len(self._jobs)

    def add(self, tenant: str, job_id: str, *order: float) -> None:
        """Queue a job. Of the jobs of a tenant those of the least `order` start first.

        A job that is queued already gets this tenant and order.
        """
        self.remove(job_id)
        self._places[job_id] = (tenant, order)
        insort(self._jobs.setdefault(tenant, []), (order, job_id))

    def remove(self, job_id: str) -> str | None:
        """Remove a job without a turn. Return its tenant; None if it is not queued."""
        if job_id not in self._places:
            return None
        tenant, order = self._places.pop(job_id)
        jobs = self._jobs[tenant]
        del jobs[bisect_left(jobs, (order, job_id))]
        if not jobs:
            del self._jobs[tenant]
        return tenant

    def take(self, job_id: str) -> None:
        """Remove a job that a worker took, and count the turn of its tenant. Nothing happens if it is not queued."""
        tenant = self.remove(job_id)
        if tenant is not None:
            self.charge(tenant)

    def charge(self, tenant: str) -> None:
        """Count a turn of a tenant for a job that was not queued here."""
        start = self._start(tenant)
        self._virtual_now = max(self._virtual_now, start)
        self._starts[tenant] = start + 1 / self._weight(tenant)
        if len(self._starts) > len(self._jobs) + UNUSED_TENANTS:
            self._forget_unused()

    def upcoming(self, count: int) -> list[str]:
        """Return the next `count` jobs in the order in which they start if no other is queued meanwhile."""
        turns = [(self._start(tenant), jobs[0], tenant, 0) for tenant, jobs in self._jobs.items()]
        heapq.heapify(turns)
        found: list[str] = []
        while turns and len(found) < count:
            start, (_, job_id), tenant, place = turns[0]
            found.append(job_id)
            jobs, place = self._jobs[tenant], place + 1
            if place < len(jobs):
                heapq.heapreplace(turns, (start + 1 / self._weight(tenant), jobs[place], tenant, place))
            else:
                heapq.heappop(turns)
        return found

    def _start(self, tenant: str) -> float:
        """Return when the next turn of a tenant starts. One that has taken none has saved as many as it may."""
        earliest = self._virtual_now - self._saved_turns
        return max(self._starts.get(tenant, earliest), earliest)

    def _forget_unused(self) -> None:
        earliest = self._virtual_now - self._saved_turns
        self._starts = {tenant: start for tenant, start in self._starts.items() if start > earliest}
