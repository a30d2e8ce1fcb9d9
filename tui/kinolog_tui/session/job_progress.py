"""The change of a job by a live update. Pure."""

from __future__ import annotations

from kinolog_client import JobInfo, JobState

PROGRESS_FIELDS = ("status", "percent", "stage", "scene", "attempt", "worker", "eta_seconds", "stages")


def job_after(job: JobInfo, state: JobState) -> JobInfo:
    """Return the job after an update: the job of its commit, else `job` with the progress of the update."""
    if state.job is not None:
        return state.job
    return job.model_copy(update={name: getattr(state, name) for name in PROGRESS_FIELDS})
