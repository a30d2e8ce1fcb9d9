"""When a failed job may be tried again. Pure: the delay of an attempt is always the same."""

from __future__ import annotations

from datetime import datetime, timedelta

from kinolog.job.state import Job
from kinolog.process.backoff import Backoff

LONGEST_SECONDS = 600.0
"""Longest delay before another attempt."""


def retry_at(job: Job, now: datetime, first_seconds: float) -> datetime:
    """Return the earliest start of the next attempt. The delay doubles with every attempt.

    Attempts are counted from the last submit or retry by a user. The delay counts from the job's last change if `now`
    is before it: a clock that was set back shortens no delay.
    """
    attempts = job.attempt - (job.last_attempt - job.max_attempts)
    backoff = Backoff(first_seconds=first_seconds, longest_seconds=LONGEST_SECONDS)
    return max(now, job.updated_at) + timedelta(seconds=backoff.seconds(attempts))
