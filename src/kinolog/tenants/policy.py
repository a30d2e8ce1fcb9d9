"""What a tenant may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field


class TenantPolicy(BaseModel):
    """What a tenant may use: a table of the file of tenants. The defaults are those without a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    weight: float = Field(
        1.0,
        gt=0.0,
        le=1_000.0,
        description="Share of the workers within a priority, against the weights of the other tenants that wait.",
    )


BUILT_IN_POLICY = TenantPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPolicies:
    """The policies of all tenants: those that the file names, and one for every other."""

    default: TenantPolicy = BUILT_IN_POLICY
    named: Mapping[str, TenantPolicy] = field(default_factory=dict)

    def of(self, tenant: str) -> TenantPolicy:
        """Return the policy of a tenant."""
        return self.named.get(tenant, self.default)
