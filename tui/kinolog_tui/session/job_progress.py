"""The change of a job by a live update. Pure."""

from __future__ import annotations

from kinolog_client import JobInfo, JobState

LIVE_FIELDS = ("percent", "stage", "scene", "eta_seconds")
"""Fields that live updates change between commits."""
PROGRESS_FIELDS = ("status", "percent", "stage", "scene", "attempt", "worker", "eta_seconds", "stages")


def job_after(job: JobInfo, state: JobState) -> JobInfo:
    """Return the job after an update: the job of its commit, else `job` with the progress of the update."""
    if state.job is not None:
        return state.job
    return job.model_copy(update={name: getattr(state, name) for name in PROGRESS_FIELDS})


def with_known_progress(job: JobInfo, before: JobInfo | None) -> JobInfo:
    """Return a job that was read with the progress of later live updates: a list contains only what commits stored."""
    if before is None or job.ended or (before.status, before.attempt) != (job.status, job.attempt):
        return job
    if before.percent <= job.percent:
        return job
    return job.model_copy(update={name: getattr(before, name) for name in LIVE_FIELDS})
