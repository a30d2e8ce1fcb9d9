"""What a tenant may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from kinolog.durations import written_length
from kinolog.job.values import Priority
from kinolog.memory_size import MemorySize
from kinolog.webhooks.address import is_recipient

UNLIMITED = "unlimited"
"""How a table lifts a limit of `[default]`."""


def _no_limit(value: object) -> object:
    return None if value == UNLIMITED else value


Limit = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_no_limit)]
"""A largest number; None for no limit."""


_MEMORY_SIZE = TypeAdapter[int](MemorySize)


def _size(value: object) -> object:
    """Return a size such as `100GiB` in bytes."""
    if isinstance(value, str) and value != UNLIMITED:
        return int(_MEMORY_SIZE.validate_python(value))
    return _no_limit(value)


RATE = re.compile(r"[1-9][0-9]{0,6}/(second|minute|hour)")


def _rate(value: object) -> object:
    if value in (None, UNLIMITED):
        return None
    if not isinstance(value, str) or not RATE.fullmatch(value):
        raise ValueError('must be a rate such as "20/second", of a second, minute or hour')
    return value


def _length(value: object) -> object:
    if value in (None, UNLIMITED):
        return None
    length = written_length(value) if isinstance(value, str) else None
    if length is None or not SHORTEST_KEEP <= length <= LONGEST_KEEP:
        raise ValueError(f'must be a length of time such as "90d", from an hour to {LONGEST_KEEP.days} days')
    return value


SHORTEST_KEEP, LONGEST_KEEP = timedelta(hours=1), timedelta(days=36_500)
Keep = Annotated[str | None, BeforeValidator(_length)]
"""How long something is kept, such as `90d`; None for without end."""

Rate = Annotated[str | None, BeforeValidator(_rate)]
"""Most requests in a time, such as `20/second`; None for no limit."""

SizeLimit = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_size)]
"""A largest number of bytes, such as `100GiB`; None for no limit."""


def _as_priorities(value: object) -> object:
    names = [each.value for each in Priority]
    if not isinstance(value, list | frozenset) or any(name not in names for name in value):
        raise ValueError(f"must be a list of {', '.join(names)}")
    return frozenset(map(Priority, value))


def _as_recipients(value: object) -> object:
    if value in (None, UNLIMITED):
        return None
    if not isinstance(value, list | frozenset) or not all(
        isinstance(one, str) and is_recipient(one) for one in value
    ):
        raise ValueError('must be a list of mailboxes and domains such as ["example.com"]')
    return frozenset(value)


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
    max_queued_jobs: Limit = Field(None, description="Most jobs in the queue.")
    max_cost_per_day: Limit = Field(
        None, description="Most that the jobs of 24 hours may cost together, with those that are retried."
    )
    max_artifact_bytes: SizeLimit = Field(None, description="Most bytes that the files of its jobs may have.")
    mail_recipients: Annotated[frozenset[str] | None, BeforeValidator(_as_recipients)] = Field(
        None,
        description='Mailboxes and domains that may get its e-mail, such as `["example.com"]`, of those that '
        "`KINOLOG_MAIL_RECIPIENTS` allows.",
    )
    keep_jobs: Keep = Field(
        None, description="How long jobs are kept after their submit; those that have ended are erased then."
    )
    max_log_bytes: SizeLimit = Field(None, description="Most bytes that its jobs may have in the log.")
    reads: Rate = Field(None, description="Most requests that read.")
    writes: Rate = Field(None, description="Most requests that change something.")
    uploads: Rate = Field(None, description="Most uploads.")
    key_reads: Rate = Field(None, description="Most requests of one key that read.")
    key_writes: Rate = Field(None, description="Most requests of one key that change something.")
    key_uploads: Rate = Field(None, description="Most uploads of one key.")

    @property
    def retention(self) -> timedelta | None:
        """How long jobs are kept after their submit; None for without end."""
        return None if self.keep_jobs is None else written_length(self.keep_jobs)

    @property
    def counts_use(self) -> bool:
        """Whether a limit needs to know the queue or the costs of the tenant."""
        return self.max_queued_jobs is not None or self.max_cost_per_day is not None

    @property
    def limits_jobs(self) -> bool:
        """Whether a new job may be refused because of other jobs of the tenant."""
        return self.counts_use or self.max_artifact_bytes is not None or self.max_log_bytes is not None


BUILT_IN_POLICY = TenantPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPolicies:
    """The policies of all tenants: those that the file names, and one for every other."""

    default: TenantPolicy = BUILT_IN_POLICY
    named: Mapping[str, TenantPolicy] = field(default_factory=dict)

    def of(self, tenant: str) -> TenantPolicy:
        """Return the policy of a tenant."""
        return self.named.get(tenant, self.default)
