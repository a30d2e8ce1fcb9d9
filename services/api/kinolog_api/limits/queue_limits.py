"""Limits of what a tenant's jobs take together: places in the queue, the budget of a day, bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from grpc import StatusCode

from kinolog.durations import age_text
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicy
from kinolog_api.limits.current_use import CurrentUse
from kinolog_api.limits.stored_bytes import TenantBytes
from kinolog_api.rpc.errors import RpcError

FULL_QUEUE_RETRY_SECONDS = 30.0
"""When a caller may look again whether the queue has room. Nobody knows when a job ends."""


class NewJob(Protocol):
    """A job that is about to be stored."""

    @property
    def job_id(self) -> str: ...
    @property
    def cost(self) -> int: ...


@dataclass(slots=True)
class Places:
    """Places of jobs in the queue. `refused` has the errors of those that got none, by id."""

    use: CurrentUse
    tenant: str
    reserved: list[str] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)
    stored_at: dict[str, int] = field(default_factory=dict)

    def keep(self, job_id: str, position: int) -> None:
        """Note that the job is in the log at a position, or was before."""
        if self.reserved:
            self.stored_at[job_id] = position

    def __enter__(self) -> Places:
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the places back of jobs that are not stored, and the others when the log shows them."""
        for job_id in self.reserved:
            self.use.give_back(self.tenant, job_id, self.stored_at.get(job_id))


NO_PLACES = Places(CurrentUse(), "")
"""Of a tenant whose jobs need none."""


class QueueLimits:
    """Reserves places for jobs that are about to be stored."""

    def __init__(
        self,
        policies: FollowedPolicies,
        use: CurrentUse,
        store: EventStore,
        tenant_bytes: TenantBytes,
        clock: Clock,
    ) -> None:
        self._policies = policies
        self._use = use
        self._store = store
        self._tenant_bytes = tenant_bytes
        self._clock = clock

    def limits(self, tenant: str) -> bool:
        """Return whether the jobs of a tenant take something that is limited."""
        return self._policies.current.of(tenant).limits_jobs

    async def places(self, tenant: str, jobs: Sequence[NewJob]) -> Places:
        """Reserve places for new jobs. A job that is in the log needs none."""
        if not self.limits(tenant):
            return NO_PLACES
        places = await self._reserved(tenant, {job.job_id: job.cost for job in jobs})
        if places.refused:
            known = await asyncio.gather(*map(self._store.load, places.refused))
            for job_id, loaded in zip(list(places.refused), known, strict=True):
                if loaded is not None:
                    del places.refused[job_id]
        return places

    async def place_of_retry(self, tenant: str, job_id: str, cost: int) -> Places:
        """Reserve a place for a job that is tried again. Raises `RpcError` if there is none."""
        places = await self._reserved(tenant, {job_id: cost})
        if error := places.refused.get(job_id):
            raise error
        return places

    async def _reserved(self, tenant: str, costs: Mapping[str, int]) -> Places:
        places = Places(self._use, tenant)
        policy = self._policies.current.of(tenant)
        if error := await self._tenant_bytes.refusal(tenant, policy):
            places.refused = dict.fromkeys(costs, error)
        elif policy.counts_use and self._use.is_known:
            self._reserve(places, policy, costs)
        return places

    def _reserve(self, places: Places, policy: TenantPolicy, costs: Mapping[str, int]) -> None:
        use = self._use.of(places.tenant)
        now = self._clock()
        length, spent = use.queue_length, use.day_cost(now)
        for job_id, cost in costs.items():
            if job_id in use.reserved or job_id in use.queued:
                continue  # the request is repeated while the first one runs, or its job waits
            if policy.max_queued_jobs is not None and length >= policy.max_queued_jobs:
                places.refused[job_id] = _queue_full(length, policy.max_queued_jobs)
            elif policy.max_cost_per_day is not None and spent + cost > policy.max_cost_per_day:
                seconds = use.costs.seconds_until(policy.max_cost_per_day - cost, now)
                places.refused[job_id] = _budget_used(cost, spent, policy.max_cost_per_day, seconds)
            else:
                use.reserved[job_id] = cost
                places.reserved.append(job_id)
                length, spent = length + 1, spent + cost


def _queue_full(length: int, limit: int) -> RpcError:
    message = (
        f"this tenant has {length:,} jobs in the queue, and it may have {limit:,}: wait until some have started, or "
        "cancel some"
    )
    return RpcError(
        StatusCode.RESOURCE_EXHAUSTED,
        "QUEUE_FULL",
        message,
        metadata={"used": str(length), "limit": str(limit)},
        retry_seconds=FULL_QUEUE_RETRY_SECONDS,
    )


def _budget_used(cost: int, spent: int, limit: int, seconds: float) -> RpcError:
    metadata = {"cost": str(cost), "used": str(spent), "limit": str(limit)}
    if cost > limit:
        message = (
            f"this job costs {cost:,}, and the jobs of this tenant may cost {limit:,} a day: make it smaller"
        )
        return RpcError(StatusCode.PERMISSION_DENIED, "JOB_TOO_COSTLY", message, metadata=metadata)
    message = (
        f"this job costs {cost:,}; of the {limit:,} that the jobs of this tenant may cost in 24 hours {spent:,} are "
        f"used: submit it again in about {age_text(seconds)}, or ask for a smaller job"
    )
    return RpcError(
        StatusCode.RESOURCE_EXHAUSTED, "BUDGET_USED", message, metadata=metadata, retry_seconds=seconds
    )
