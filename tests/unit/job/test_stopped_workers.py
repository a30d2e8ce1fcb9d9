"""Attempts that end because their worker is stopped do not count."""

from __future__ import annotations

from datetime import timedelta

from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job.interruption import WORKER_STOPPED
from kinolog.job.values import JobError, Runtime, Status
from kinolog.ports.event_store import LoadedJob
from tests.builders.jobs import submit
from tests.strategies import START
from tests.unit.job.deciding import decided

STOPPED = JobError(code=WORKER_STOPPED, message="the worker was stopped", retryable=True)
BROKEN = JobError(code="RENDER_FAILED", message="it broke", retryable=True)


def after(errors: list[JobError]) -> LoadedJob:
    """Return a job whose attempts ended with these errors, one after the other."""
    _, loaded = decided(None, submit(), START)
    for number, error in enumerate(errors, 1):
        at = START + timedelta(hours=number)
        _, loaded = decided(loaded, c.StartAttempt(id=new_id(), actor="worker-1", runtime=Runtime()), at)
        failing = c.FailAttempt(id=new_id(), actor="worker-1", attempt=number, error=error, retry_at=at)
        _, loaded = decided(loaded, failing, at + timedelta(minutes=1))
    return loaded


def test_stopping_workers_costs_no_attempt() -> None:
    """However often its workers are stopped, a job is queued again, and still has all its attempts."""
    max_attempts = after([]).job.max_attempts
    job = after([STOPPED] * (max_attempts + 3)).job
    assert job.status is Status.QUEUED
    assert job.last_attempt - job.attempt == max_attempts
    assert [attempt.error for attempt in job.attempts] == [STOPPED] * (max_attempts + 3)


def test_failures_count() -> None:
    """A job that failed as often as it may has failed, whether or not workers were stopped in between."""
    max_attempts = after([]).job.max_attempts
    assert after([STOPPED] + [BROKEN] * (max_attempts - 1)).job.status is Status.QUEUED
    assert after([STOPPED] + [BROKEN] * max_attempts).job.status is Status.FAILED
    assert after([BROKEN] * (max_attempts - 1) + [STOPPED, BROKEN]).job.status is Status.FAILED


def test_a_stopped_worker_at_the_last_attempt() -> None:
    """A worker that is stopped during the last attempt leaves the job in the queue."""
    max_attempts = after([]).job.max_attempts
    job = after([BROKEN] * (max_attempts - 1) + [STOPPED]).job
    assert (job.status, job.last_attempt - job.attempt) == (Status.QUEUED, 1)
