"""GetUsage: what the caller's tenant uses and may use."""

from __future__ import annotations

from kinolog.codec.enums import PRIORITY_TO_PROTO
from kinolog.job.values import Priority
from kinolog.ports.clock import Clock
from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.ports.use.tenant_use import TenantUseReader
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicy
from kinolog.v1 import access_service_pb2 as pb
from kinolog_api.limits.current_use import DAY
from kinolog_api.limits.stored_bytes import StoredBytes
from kinolog_api.rpc.calls import RpcCall


class GetUsage:
    """GetUsage."""

    def __init__(
        self,
        policies: FollowedPolicies,
        read_model: TenantUseReader,
        stored_bytes: StoredBytes,
        clock: Clock,
    ) -> None:
        self._policies = policies
        self._read_model = read_model
        self._stored_bytes = stored_bytes
        self._clock = clock

    async def get_usage(self, request: pb.GetUsageRequest, call: RpcCall) -> pb.GetUsageResponse:
        """GetUsage. Raises `ReadModelUnavailable`."""
        use = await self._read_model.tenant_use(call.tenant, self._clock() - DAY)
        stored = await self._stored_bytes.of(call.tenant)
        if stored is None:
            raise ReadModelUnavailable("the read models did not answer a moment ago; try again")
        return pb.GetUsageResponse(
            tenant=call.tenant,
            queued_jobs=use.queued_jobs,
            running_jobs=use.running_jobs,
            cost_of_day=use.cost,
            artifact_bytes=stored,
            limits=_limits(self._policies.current.of(call.tenant)),
        )


def _limits(policy: TenantPolicy) -> pb.TenantLimits:
    limits = pb.TenantLimits(
        priorities=[PRIORITY_TO_PROTO[each] for each in Priority if each in policy.priorities]
    )
    for name in TenantPolicy.model_fields:
        value = getattr(policy, name)
        if name != "priorities" and value is not None:
            setattr(limits, name, value)
    return limits
