"""Paused jobs: what starts, what ends, and what becomes of their attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.decide import WORKER_LOST, Refused
from kinolog.job.interruption import PAUSED
from kinolog.job.state import Job
from kinolog.job.values import JobError, Runtime, Status
from tests.builders.jobs import submit
from tests.strategies import START
from tests.unit.job.deciding import decided

STOPPED = JobError(code=PAUSED, message="paused", retryable=True)


def pause() -> c.Pause:
    return c.Pause(id=new_id(), actor="ann")


def start(worker: str = "worker-1") -> c.StartAttempt:
    return c.StartAttempt(id=new_id(), actor=worker, runtime=Runtime())


def fail(attempt: int = 1) -> c.FailAttempt:
    return c.FailAttempt(id=new_id(), actor="worker-1", attempt=attempt, error=STOPPED, retry_at=START)


def after(commands: Sequence[c.Command]) -> tuple[tuple[e.Event, ...], Job]:
    """Return the events of the last of these commands, which follow a submit, and the job after it."""
    events, loaded = decided(None, submit(max_attempts=1), START)
    for number, command in enumerate(commands, 1):
        events, loaded = decided(loaded, command, START + timedelta(minutes=number))
    return events, loaded.job


def test_a_paused_job_does_not_start_until_it_is_resumed() -> None:
    _, job = after([pause()])
    assert (job.status, job.paused_at) == (Status.QUEUED, job.updated_at)
    with pytest.raises(Refused, match="resume it first"):
        after([pause(), start()])
    _, job = after([pause(), c.Resume(id=new_id(), actor="ann"), start()])
    assert (job.status, job.paused_at) == (Status.PROCESSING, None)


def test_a_running_attempt_ends_uncounted_and_the_pause_stays() -> None:
    """The next attempt goes on before other jobs."""
    events, job = after([start(), pause(), fail()])
    assert [type(event) for event in events] == [e.AttemptFailed, e.Queued]
    assert (job.status, job.paused_at is None, job.was_interrupted) == (Status.QUEUED, False, True)
    assert job.last_attempt == job.attempt + 1


def test_the_attempt_of_a_lost_worker_is_followed_by_none() -> None:
    """Another worker that gets its ticket records the loss. A job without another attempt fails all the same."""
    failing = JobError(code="OUT_OF_MEMORY", message="no room", retryable=False)
    assert after([start(), pause(), start("worker-2")])[1].error == WORKER_LOST
    events, loaded = decided(None, submit(max_attempts=2), START)
    commands: list[c.Command] = [start(), pause(), start("worker-2")]
    for number, command in enumerate(commands, 1):
        events, loaded = decided(loaded, command, START + timedelta(minutes=number))
    assert [type(event) for event in events] == [e.AttemptFailed, e.Queued]
    assert (loaded.job.status, loaded.job.paused_at is None) == (Status.QUEUED, False)
    given_up = c.GiveUp(id=new_id(), actor="projector", error=failing)
    _, loaded = decided(loaded, given_up, START + timedelta(hours=1))
    assert (loaded.job.status, loaded.job.paused_at) == (Status.FAILED, None)
