"""How a live update changes a job. Pure."""

from __future__ import annotations

from kinolog_client import JobInfo
from kinolog_client import JobState

PROGRESS_FIELDS = ("status", "percent", "stage", "scene", "attempt", "worker", "eta_seconds", "stages")


def job_after(job: JobInfo, moved: JobState) -> JobInfo:
    """Return the job after an update: the job of its commit, else `job` with the progress of the update."""
    if moved.job is not None:
        return moved.job
    return job.model_copy(update={name: getattr(moved, name) for name in PROGRESS_FIELDS})
