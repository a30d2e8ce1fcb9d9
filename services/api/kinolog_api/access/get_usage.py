"""GetUsage: what the caller's tenant uses and may use."""

from __future__ import annotations

import asyncio
import time
from weakref import WeakValueDictionary

from kinolog.codec.enums import PRIORITY_TO_PROTO
from kinolog.connections.recent_entries import RecentEntries
from kinolog.job.values import Priority
from kinolog.ports.clock import Clock
from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.ports.use.tenant_use import TenantUse, TenantUseReader
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicy
from kinolog.v1 import access_service_pb2 as pb
from kinolog_api.limits.current_use import DAY
from kinolog_api.limits.stored_bytes import CACHED_TENANTS, TenantBytes
from kinolog_api.rpc.calls import RpcCall

KNOWN_SECONDS = 1.0
"""How long the counts of a tenant are shown again without a read."""


class GetUsage:
    """GetUsage."""

    def __init__(
        self,
        policies: FollowedPolicies,
        read_model: TenantUseReader,
        tenant_bytes: TenantBytes,
        clock: Clock,
    ) -> None:
        self._policies = policies
        self._read_model = read_model
        self._tenant_bytes = tenant_bytes
        self._clock = clock
        self._known = RecentEntries[str, tuple[float, TenantUse]](CACHED_TENANTS)
        """Until when the counts of a tenant are shown again, on the monotonic clock, and the counts."""
        self._asking = WeakValueDictionary[str, asyncio.Lock]()

    async def get_usage(self, request: pb.GetUsageRequest, call: RpcCall) -> pb.GetUsageResponse:
        """GetUsage. Raises `ReadModelUnavailable`."""
        use = await self._use(call.tenant)
        files = await self._tenant_bytes.files.of(call.tenant)
        log = await self._tenant_bytes.log.of(call.tenant)
        if files is None or log is None:
            raise ReadModelUnavailable("the read models did not answer a moment ago; try again")
        return pb.GetUsageResponse(
            tenant=call.tenant,
            queued_jobs=use.queued_jobs,
            running_jobs=use.running_jobs,
            cost_of_day=use.cost,
            artifact_bytes=files,
            log_bytes=log,
            limits=_limits(self._policies.current.of(call.tenant)),
        )

    async def _use(self, tenant: str) -> TenantUse:
        """Return what a tenant uses, as it was at most a second ago. Calls at the same time share one read."""
        async with self._asking.setdefault(tenant, asyncio.Lock()):
            until, use = self._known.get(tenant, (0.0, None))
            if use is None or time.monotonic() >= until:
                use = await self._read_model.tenant_use(tenant, self._clock() - DAY)
                self._known[tenant] = time.monotonic() + KNOWN_SECONDS, use
            return use


def _limits(policy: TenantPolicy) -> pb.TenantLimits:
    limits = pb.TenantLimits(
        priorities=[PRIORITY_TO_PROTO[each] for each in Priority if each in policy.priorities]
    )
    for name in TenantPolicy.model_fields.keys() & limits.DESCRIPTOR.fields_by_name.keys():
        value = getattr(policy, name)
        if name != "priorities" and value is not None:
            setattr(limits, name, value)
    return limits
