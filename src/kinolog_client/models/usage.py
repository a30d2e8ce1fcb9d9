"""What a tenant uses and may use."""

from __future__ import annotations

from kinolog_client.models.base import ClientModel


class LimitsInfo(ClientModel):
    """What a tenant may use; None for no limit. Rates are texts such as `600/minute`, `keep_jobs` one such as `90d`."""

    weight: float = 1.0
    priorities: tuple[str, ...] = ()
    max_job_cost: int | None = None
    max_prompt_characters: int | None = None
    max_queued_jobs: int | None = None
    max_cost_per_day: int | None = None
    max_artifact_bytes: int | None = None
    max_log_bytes: int | None = None
    keep_jobs: str | None = None
    reads: str | None = None
    writes: str | None = None
    uploads: str | None = None
    key_reads: str | None = None
    key_writes: str | None = None
    key_uploads: str | None = None


class UsageInfo(ClientModel):
    """What a tenant uses, as far as lists show it. `cost_of_day` is that of the jobs of the last 24 hours."""

    tenant: str
    queued_jobs: int = 0
    running_jobs: int = 0
    cost_of_day: int = 0
    artifact_bytes: int = 0
    log_bytes: int = 0
    limits: LimitsInfo = LimitsInfo()
