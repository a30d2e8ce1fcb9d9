"""What a tenant uses and may use, in REST responses."""

from __future__ import annotations

from pydantic import Field

from kinolog.v1 import access_service_pb2 as pb
from kinolog_gateway.enum_names import PriorityName, priority_name
from kinolog_gateway.responses.job_parts import ResponseModel


class LimitsView(ResponseModel):
    """What a tenant may use; null for no limit."""

    weight: float = Field(
        description="Share of the workers within a priority, against the weights of other tenants."
    )
    priorities: list[PriorityName] = Field(description="Priorities that its jobs may have.")
    max_job_cost: int | None = Field(description="Most that one job may cost.")
    max_prompt_characters: int | None = Field(description="Most characters of a prompt.")
    max_queued_jobs: int | None = Field(description="Most jobs in the queue.")
    max_cost_per_day: int | None = Field(description="Most that the jobs of 24 hours may cost.")
    max_artifact_bytes: int | None = Field(description="Most bytes of all files of its jobs.")
    max_log_bytes: int | None = Field(description="Most bytes of all commits of its jobs in the log.")
    keep_jobs: str | None = Field(
        description="How long jobs are kept after their submit; those that have ended are erased then.",
        examples=["90d"],
    )
    reads: str | None = Field(description="Most requests that read.", examples=["600/minute"])
    writes: str | None = Field(description="Most requests that change something.")
    uploads: str | None = Field(description="Most uploads.")
    key_reads: str | None = Field(description="Most requests of each key that read.")
    key_writes: str | None = Field(description="Most requests of each key that change something.")
    key_uploads: str | None = Field(description="Most uploads of each key.")


class UsageView(ResponseModel):
    """What a tenant uses, as far as lists show it, and what it may use."""

    tenant: str
    queued_jobs: int = Field(description="Jobs in the queue.")
    running_jobs: int = Field(description="Jobs that are rendered now.")
    cost_of_day: int = Field(
        description="What the jobs of the last 24 hours cost: millions of pixels times frames times steps."
    )
    artifact_bytes: int = Field(description="Bytes of all files of its jobs.")
    log_bytes: int = Field(
        description="Bytes of all commits of its jobs in the log. They stay when jobs are erased."
    )
    limits: LimitsView

    @classmethod
    def of(cls, usage: pb.GetUsageResponse) -> UsageView:
        """Return the view of a response of the api."""
        return cls(
            tenant=usage.tenant,
            queued_jobs=usage.queued_jobs,
            running_jobs=usage.running_jobs,
            cost_of_day=usage.cost_of_day,
            artifact_bytes=usage.artifact_bytes,
            log_bytes=usage.log_bytes,
            limits=_limits(usage.limits),
        )


def _limits(limits: pb.TenantLimits) -> LimitsView:
    """Return the view of limits. A number that is missing and a rate that is empty are no limit."""
    stated = {field.name for field, _ in limits.ListFields()}
    fields = {name: getattr(limits, name) if name in stated else None for name in LimitsView.model_fields}
    fields["priorities"] = [priority_name(number) for number in limits.priorities]
    return LimitsView.model_validate(fields)
