"""Whether a ticket leads to an attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from kinolog_worker.queue.admission import (
    UNSERVED_MODEL_BACKOFF,
    Admission,
    Drop,
    Postpone,
    Start,
    WorkerSituation,
    admit,
)

from kinolog.job.state import Job
from kinolog.job.values import Attempt, Runtime, Status
from tests.builders.memory_worker import ME, START, MemoryWorker

SITUATION = WorkerSituation(worker=ME, deliveries=1, now=START)


@pytest.fixture
async def queued(tmp_path: Path) -> Job:
    """A job that waits."""
    memory_worker = MemoryWorker(tmp_path)
    return await memory_worker.job(await memory_worker.submit())


def held_by(job: Job, worker: str) -> Job:
    """The job in a worker's hands."""
    attempt = Attempt(number=1, worker=worker, runtime=Runtime(), started_at=START)
    return replace(job, status=Status.PROCESSING, attempt=1, attempts=(attempt,))


def test_a_waiting_job_is_started(queued: Job) -> None:
    """A job that waits and whose time has come is started."""
    assert admit(queued, SITUATION) == Start()
    assert admit(replace(queued, not_before=START), SITUATION) == Start()


def test_a_job_before_its_time_is_put_off_until_then(queued: Job) -> None:
    """A job that is not to start yet is put off for as long as that takes."""
    late = replace(queued, not_before=START + timedelta(seconds=7.5))
    assert admit(late, SITUATION) == Postpone(7.5)


@pytest.mark.parametrize(
    ("deliveries", "seconds"), [(1, 5.0), (2, 10.0), (5, 80.0), (99, UNSERVED_MODEL_BACKOFF.longest_seconds)]
)
def test_a_model_that_others_serve_is_left_to_them(queued: Job, deliveries: int, seconds: float) -> None:
    """A job of a model that this worker does not serve is put off, longer each time that it comes back."""
    situation = replace(SITUATION, deliveries=deliveries, unserved_models={"card"})
    assert admit(queued, situation) == Postpone(seconds)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_the_ticket_of_an_ended_job_is_dropped(queued: Job, status: Status) -> None:
    """Nothing is left to do for a job that has ended, or that never was."""
    assert isinstance(admit(replace(queued, status=status), SITUATION), Drop)
    assert isinstance(admit(None, SITUATION), Drop)


@pytest.mark.parametrize(
    ("holder", "deliveries", "reported", "admission"),
    [
        (ME, 1, False, Start),
        (ME, 3, True, Start),
        ("other", 2, False, Start),
        ("other", 2, True, Start),
        ("other", 1, False, Start),
        ("other", 1, True, Drop),
    ],
)
def test_a_job_in_hands(
    queued: Job, holder: str, deliveries: int, reported: bool, admission: type[Admission]
) -> None:
    """A job is taken over when its ticket comes again, or its worker is gone; a stray copy of a ticket is dropped."""
    others = {queued.id} if reported else set()
    situation = replace(SITUATION, deliveries=deliveries, jobs_of_others=others)
    assert isinstance(admit(held_by(queued, holder), situation), admission)
