"""What a tenant may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kinolog.job.values import Priority

UNLIMITED = "unlimited"
"""How a table lifts a limit of `[default]`."""


def _no_limit(value: object) -> object:
    return None if value == UNLIMITED else value


Limit = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_no_limit)]
"""A largest number; None for no limit."""


def _as_priorities(value: object) -> object:
    names = [each.value for each in Priority]
    if not isinstance(value, list | frozenset) or any(name not in names for name in value):
        raise ValueError(f"must be a list of {', '.join(names)}")
    return frozenset(map(Priority, value))


class TenantPolicy(BaseModel):
    """What a tenant may use: a table of the file of tenants. The defaults are those without a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    weight: float = Field(
        1.0,
        gt=0.0,
        le=1_000.0,
        description="Share of the workers within a priority, against the weights of the other tenants that wait.",
    )
    priorities: Annotated[frozenset[Priority], BeforeValidator(_as_priorities)] = Field(
        frozenset(Priority),
        description='Priorities that jobs may have, such as `["medium", "low"]`.',
        validate_default=False,
    )
    max_job_cost: Limit = Field(None, description="Most that one job may cost.")
    max_prompt_characters: Limit = Field(
        None, description="Most characters of a prompt or negative prompt, and of all scenes together."
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
