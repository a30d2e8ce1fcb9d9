"""What is valid in the file of tenants and hardly meant: limits that are never reached, and those that refuse all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from kinolog.tenants.policy import TenantPolicies, TenantPolicy

_KINDS = ("reads", "writes", "uploads")
_SHORT = timedelta(days=1)
_REFUSING = ("max_job_cost", "max_prompt_characters", "max_queued_jobs", "max_cost_per_day")


def remarks_on(policies: TenantPolicies) -> list[str]:
    """Return a sentence for each remark, with the table that it is about."""
    found = [f"[default]: {remark}" for remark in _remarks(policies.default)]
    for name, policy in policies.named.items():
        found += [f"[tenant.{name}]: {remark}" for remark in _remarks(policy)]
        if policy == policies.default:
            found.append(f"[tenant.{name}]: it states nothing that differs from [default]")
    return found


def _remarks(policy: TenantPolicy) -> Iterator[str]:
    if not policy.priorities:
        yield "priorities is empty, so no job is accepted"
    for name in _REFUSING:
        if getattr(policy, name) == 0:
            yield f"{name} is 0, so no job is accepted"
    job, day = policy.max_job_cost, policy.max_cost_per_day
    if job is not None and day is not None and job > day:
        yield "max_job_cost is more than max_cost_per_day, so it is never reached"
    if (kept := policy.retention) is not None and kept < _SHORT:
        yield f"keep_jobs is {policy.keep_jobs}: videos are erased soon after they are made"
    for kind in _KINDS:
        of_key, of_tenant = getattr(policy, f"key_{kind}"), getattr(policy, kind)
        if of_key and of_tenant and _exceeds(of_key, of_tenant):
            yield f"key_{kind} is more than {kind}, so it is never reached"


def _exceeds(rate: str, other: str) -> bool:
    """Return whether a rate allows more than another one of the same length of time."""
    (most, time), (others, other_time) = rate.split("/"), other.split("/")
    return time == other_time and int(most) > int(others)
