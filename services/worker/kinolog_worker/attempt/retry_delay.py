"""When a failed job may be tried again. Pure: the same attempt of the same job always waits as long."""

from __future__ import annotations

from datetime import datetime, timedelta

from kinolog.job.state import Job

LONGEST_SECONDS = 600.0


def retry_at(job: Job, now: datetime, first_seconds: float) -> datetime:
    """The time before which the next attempt does not start: the pause doubles with every attempt.

    Attempts are counted from the last submit or retry by a person.
    """
    tried = max(1, job.attempt - (job.last_attempt - job.max_attempts))
    doublings = min(tried - 1, 32)
    return now + timedelta(seconds=min(first_seconds * 2.0**doublings, LONGEST_SECONDS))
