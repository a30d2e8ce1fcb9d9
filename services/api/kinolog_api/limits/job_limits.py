"""What a tenant's policy says about one job: its priority, its cost and the length of its prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grpc import StatusCode

from kinolog.job.cost import DrawnVideo, job_cost
from kinolog.job.values import Priority
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicy
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument


def check_priority(policy: TenantPolicy, priority: Priority) -> None:
    """Raise PERMISSION_DENIED for a priority that the tenant may not ask for."""
    if priority in policy.priorities:
        return
    allowed = ", ".join(each.value for each in Priority if each in policy.priorities) or "none"
    message = (
        f"this tenant may not ask for the priority {priority.value}; it may ask for {allowed}. Use one of them, or "
        "ask the operator to allow it"
    )
    raise RpcError(
        StatusCode.PERMISSION_DENIED,
        "PRIORITY_NOT_ALLOWED",
        message,
        metadata={"priority": priority.value, "allowed": allowed},
    )


class JobLimits:
    """Checks jobs against the policy of their tenant."""

    def __init__(self, policies: FollowedPolicies) -> None:
        self._policies = policies

    def check_priority(self, tenant: str, priority: Priority) -> None:
        """Raise PERMISSION_DENIED for a priority that the tenant may not ask for."""
        check_priority(self._policies.current.of(tenant), priority)

    def check(
        self, tenant: str, video: DrawnVideo, priority: Priority, prompts: Mapping[str, Iterable[str]]
    ) -> None:
        """Raise `RpcError` for a job that the tenant may not submit. `prompts` are texts by their field."""
        policy = self._policies.current.of(tenant)
        check_priority(policy, priority)
        _check_prompts(policy, prompts)
        if policy.max_job_cost is not None and (cost := job_cost(video)) > policy.max_job_cost:
            message = (
                f"this job costs {cost:,}, and a job of this tenant may cost at most {policy.max_job_cost:,} (millions "
                "of pixels x frames x steps): ask for a smaller or shorter video or for fewer steps"
            )
            raise RpcError(
                StatusCode.PERMISSION_DENIED,
                "JOB_TOO_COSTLY",
                message,
                metadata={"cost": str(cost), "limit": str(policy.max_job_cost)},
            )


def _check_prompts(policy: TenantPolicy, prompts: Mapping[str, Iterable[str]]) -> None:
    most = policy.max_prompt_characters
    if most is None:
        return
    violations = []
    for field, texts in prompts.items():
        characters = sum(map(len, texts))
        if characters > most:
            problem = f"has {characters:,} characters, and this tenant may use at most {most:,}: shorten it"
            violations.append(RequestViolation(field, problem))
    if violations:
        raise invalid_argument(violations, "PROMPT_TOO_LONG")
