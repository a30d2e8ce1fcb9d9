"""A job of the read model in memory, and which filters it matches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports import read_model as rm


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job with the positions of its first and last commit."""

    job: Job
    number: int
    position: int
    queued_at: datetime
    prompt: str
    negative_prompt: str

    def matches(self, job_filter: rm.JobFilter) -> bool:
        """Return whether a filter selects the job."""
        job, text = self.job, job_filter.text.lower()
        return (
            (not job_filter.statuses or job.status in job_filter.statuses)
            and (not job_filter.priorities or job.priority in job_filter.priorities)
            and (not job_filter.models or job.spec.model in job_filter.models)
            and (not job_filter.styles or job.spec.style in job_filter.styles)
            and (job_filter.created_from is None or job.created_at >= job_filter.created_from)
            and (job_filter.created_before is None or job.created_at < job_filter.created_before)
            and (text in self.prompt.lower() or text in job.id)
            and (not job_filter.variant_of or job.variant_of == job_filter.variant_of)
            and (job_filter.startable_at is None or self._may_start(job_filter.startable_at))
            and job_filter.paused in (None, job.paused_at is not None)
            and job_filter.erased in (None, job.erased)
        )

    def _may_start(self, at: datetime) -> bool:
        return self.job.status is Status.QUEUED and self.job.paused_at is None and self.queued_at <= at
