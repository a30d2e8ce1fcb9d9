"""When a job may start, and by when it must have started."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.decide import START_TIMEOUT, Refused
from kinolog.job.values import JobError, Runtime, Status
from kinolog.ports.event_store import LoadedJob
from tests.builders.jobs import submit
from tests.strategies import START
from tests.unit.job.deciding import decided

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BROKEN = JobError(code="RENDER_FAILED", message="it broke", retryable=True)


def waiting(**changes: Any) -> LoadedJob:
    """Return a job that was submitted at `START`."""
    return decided(None, submit(**changes), START)[1]


def start(name: str = "start") -> c.StartAttempt:
    """Return the start of an attempt."""
    return c.StartAttempt(id=name, actor="worker-1", runtime=Runtime())


EXPIRE = c.Expire(id="expire", actor="projector")


def test_a_job_does_not_start_before_its_time() -> None:
    """Until then each start is refused. The job keeps the time of its submit when it has started."""
    loaded = waiting(start_after=START + HOUR)
    assert loaded.job.not_before == loaded.job.start_after == loaded.job.waits_from == START + HOUR
    with pytest.raises(Refused, match="does not start before"):
        decided(loaded, start(), START + HOUR - MINUTE)
    job = decided(loaded, start(), START + HOUR)[1].job
    assert (job.status, job.not_before, job.start_after) == (Status.PROCESSING, None, START + HOUR)


def test_a_time_that_is_past_means_at_once() -> None:
    """A job whose time has come when it is decided waits for none, and its timeout counts from its submit."""
    job = waiting(start_after=START, start_timeout_seconds=60).job
    assert (job.not_before, job.start_after, job.start_before) == (None, None, START + MINUTE)


@pytest.mark.parametrize("command", [EXPIRE, start()])
def test_a_job_that_starts_too_late_fails(command: c.Command) -> None:
    """From its deadline on a job fails, whether a worker or the service is the first to see it. A retry has none."""
    loaded = waiting(start_after=START + HOUR, start_timeout_seconds=60)
    deadline = START + HOUR + MINUTE
    assert loaded.job.start_before == deadline
    (failed,), ended = decided(loaded, command, deadline)
    assert isinstance(failed, e.Failed)
    assert (failed.error.code, failed.attempt) == (START_TIMEOUT, 0)
    assert deadline.isoformat() in failed.error.message
    _, again = decided(ended, c.Retry(id="retry", actor="ann"), deadline)
    assert (again.job.start_after, again.job.start_before, again.job.not_before) == (None, None, None)
    assert decided(again, start("later"), deadline + HOUR)[1].job.status is Status.PROCESSING


def test_a_job_that_has_started_has_no_deadline() -> None:
    """The deadline is that of the first attempt: neither a running job expires, nor one that waits for another."""
    loaded = waiting(start_timeout_seconds=60)
    _, running = decided(loaded, start(), START + MINUTE / 2)
    failing = c.FailAttempt(id="fail", actor="worker-1", attempt=1, error=BROKEN, retry_at=START + HOUR)
    _, again = decided(running, failing, START + 2 * MINUTE)
    for each in (running, again):
        with pytest.raises(AssertionError):
            decided(each, EXPIRE, START + 3 * MINUTE)
    assert decided(again, start("second"), START + HOUR)[1].job.attempt == 2


def test_a_job_does_not_expire_early() -> None:
    """Before its deadline, and without one, nothing happens."""
    for loaded in (waiting(start_timeout_seconds=60), waiting()):
        with pytest.raises(AssertionError):
            decided(loaded, EXPIRE, START + MINUTE - timedelta(microseconds=1))
