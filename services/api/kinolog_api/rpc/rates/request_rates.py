"""How many requests a key and a tenant may send in a time. Each api counts those that it takes itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from math import ceil
from time import time
from typing import TypeAlias

from grpc import StatusCode
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from kinolog.access.api_key import Scope
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicy
from kinolog_api.rpc.authentication import Caller
from kinolog_api.rpc.errors import RpcError
from kinolog_api.rpc.scopes import Need

STATE_KEY = "ratelimit"
POLICY_KEY = "ratelimit-policy"
"""Metadata of responses. The gateway sends them as the headers of draft-ietf-httpapi-ratelimit-headers."""

TellMetadata: TypeAlias = Callable[[tuple[tuple[str, str], ...]], None]

_parsed = cache(parse)


class RequestClass(StrEnum):
    """What a request does, as limits of rates tell requests apart."""

    READS = "reads"
    WRITES = "writes"
    UPLOADS = "uploads"


def class_of(method: str, need: Need) -> RequestClass | None:
    """Return the class of the requests of a method; None for methods that no scope guards."""
    if not isinstance(need, Scope) or method == "NoteLiveRead":  # its caller has read already
        return None
    if method == "UploadInput":
        return RequestClass.UPLOADS
    if method == "PlanJob":  # it needs the scope of what it plans, and stores nothing
        return RequestClass.READS
    return RequestClass.WRITES if need in (Scope.SUBMIT, Scope.CANCEL, Scope.ADMIN) else RequestClass.READS


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rate that a request is held to: its name for clients, the rate, and whose requests count."""

    name: str
    rate: RateLimitItem
    counted: tuple[str, ...]


class RequestRates:
    """Counts requests in moving windows, and refuses those above the rates of the tenant's policy."""

    def __init__(self, policies: FollowedPolicies) -> None:
        self._policies = policies

    @cached_property
    def _limiter(self) -> MovingWindowRateLimiter:
        """Made for the first request with a rate: its storage has a thread while there is something to forget."""
        return MovingWindowRateLimiter(MemoryStorage())

    def admit(self, caller: Caller, requests: RequestClass | None, tell: TellMetadata) -> None:
        """Count a request. `tell` gets metadata of the response that say what is left; it is not called without a rate.

        Raises RESOURCE_EXHAUSTED, `RATE_LIMITED`, for one above a rate; such a request does not count.
        """
        if requests is None:
            return
        rules = _rules(self._policies.current.of(caller.tenant), caller, requests)
        if not rules:
            return
        for rule in rules:
            if not self._limiter.test(rule.rate, *rule.counted):
                tell(self._metadata(rules))
                raise self._refusal(rule, requests)
        for rule in rules:
            self._limiter.hit(rule.rate, *rule.counted)
        tell(self._metadata(rules))

    def _metadata(self, rules: list[_Rule]) -> tuple[tuple[str, str], ...]:
        policies, states = [], []
        for rule in rules:
            left, seconds = self._left(rule)
            policies.append(f'"{rule.name}";q={rule.rate.amount};w={rule.rate.get_expiry()}')
            states.append(f'"{rule.name}";r={left};t={ceil(seconds)}')
        return (POLICY_KEY, ", ".join(policies)), (STATE_KEY, ", ".join(states))

    def _left(self, rule: _Rule) -> tuple[int, float]:
        """Return how many requests are left, and in how many seconds there is one more."""
        window = self._limiter.get_window_stats(rule.rate, *rule.counted)
        return window.remaining, max(0.0, window.reset_time - time())

    def _refusal(self, rule: _Rule, requests: RequestClass) -> RpcError:
        _, seconds = self._left(rule)
        seconds = max(0.05, seconds)
        whose = "this key" if rule.name.startswith("key-") else "this tenant"
        per = f"{rule.rate.multiples if rule.rate.multiples > 1 else ''} {rule.rate.GRANULARITY.name}".strip()
        message = (
            f"{whose} may send {rule.rate.amount:,} {requests} a {per}: send this again in {ceil(seconds)} s"
        )
        return RpcError(
            StatusCode.RESOURCE_EXHAUSTED,
            "RATE_LIMITED",
            message,
            metadata={"limit": str(rule.rate.amount), "requests": requests.value},
            retry_seconds=seconds,
        )


def _rules(policy: TenantPolicy, caller: Caller, requests: RequestClass) -> list[_Rule]:
    of_tenant, of_key = {
        RequestClass.READS: (policy.reads, policy.key_reads),
        RequestClass.WRITES: (policy.writes, policy.key_writes),
        RequestClass.UPLOADS: (policy.uploads, policy.key_uploads),
    }[requests]
    rules = []
    if of_key is not None and caller.key_digest:
        counted = (caller.key_digest.hex(), caller.tenant, requests.value)
        rules.append(_Rule(f"key-{requests}", _parsed(of_key), counted))
    if of_tenant is not None:
        rules.append(_Rule(requests.value, _parsed(of_tenant), (caller.tenant, requests.value)))
    return rules
