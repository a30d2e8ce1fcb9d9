"""For whom a token stands: its claims are read by the settings of the installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kinolog.access.api_key import USER_SCOPES, Scope
from kinolog.process.api_keys import ACTOR, ACTOR_FORM, TENANT, TENANT_FORM

MAX_SCOPE_VALUES = 1_000
"""Values of the claim of scopes that are looked at."""


class ClaimUnusable(ValueError):
    """A claim is missing, or its value cannot be used. The text names the claim and never its value."""


DEFAULT_SCOPES: Mapping[str, frozenset[Scope]] = MappingProxyType(
    {scope.value: frozenset({scope}) for scope in USER_SCOPES}
)
"""What the values of a token's claim of scopes allow, unless settings say it: each scope itself, but not `admin`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHolder:
    """For whom a token stands."""

    tenant: str
    actor: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """Which claims name tenant, actor and scopes. A name with dots is also a path into nested claims.

    `tenant` is that of every token; without it `tenant_claim` names it. `scopes` says what a value of the claim of
    scopes allows; without a claim of scopes a token has all but `admin`.
    """

    tenant_claim: str = "tenant"
    tenant: str = ""
    actor_claim: str = "sub"
    scope_claim: str = "scope"
    scopes: Mapping[str, frozenset[Scope]] = field(default_factory=lambda: DEFAULT_SCOPES)

    def holder(self, claims: Mapping[str, Any]) -> TokenHolder:
        """Return for whom a token with these claims stands. Raises `ClaimUnusable`."""
        tenant = self.tenant or _text(claims, self.tenant_claim)
        if not TENANT.fullmatch(tenant):
            raise ClaimUnusable(f"its claim {self.tenant_claim} names no tenant: a tenant {TENANT_FORM}")
        actor = _text(claims, self.actor_claim)
        if not ACTOR.fullmatch(actor):
            raise ClaimUnusable(
                f"its claim {self.actor_claim} names no actor: an actor {ACTOR_FORM}; KINOLOG_OIDC_ACTOR_CLAIM may "
                "name another claim"
            )
        return TokenHolder(tenant=tenant, actor=actor, scopes=self._scopes(claims))

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[Scope]:
        if not self.scope_claim:
            return USER_SCOPES
        granted = [self.scopes.get(value, frozenset()) for value in _values(claims, self.scope_claim)]
        return frozenset().union(*granted)


def _text(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that is a text, or the only text of a list. Raises `ClaimUnusable`."""
    value = _claim(claims, name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise ClaimUnusable(f"it has no claim {name} that is a text")
    return value


def _values(claims: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield the values of a claim: the words of a text, or the texts of a list. None for one that is missing."""
    value = _claim(claims, name)
    listed: Sequence[Any] = (
        value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
    )
    for each in listed[:MAX_SCOPE_VALUES]:
        if isinstance(each, str):
            yield each


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return the claim with this name, or at this path; None without one."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
