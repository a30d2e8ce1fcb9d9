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
    """A queued job."""
    memory_worker = MemoryWorker(tmp_path)
    return await memory_worker.job(await memory_worker.submit())


def held_by(job: Job, worker: str) -> Job:
    """Return the job with an attempt of this worker."""
    attempt = Attempt(number=1, worker=worker, runtime=Runtime(), started_at=START)
    return replace(job, status=Status.PROCESSING, attempt=1, attempts=(attempt,))


def test_a_waiting_job_is_started(queued: Job) -> None:
    """A queued job whose earliest start has passed is started."""
    assert admit(queued, SITUATION) == Start()
    assert admit(replace(queued, not_before=START), SITUATION) == Start()


def test_a_job_that_may_not_start_yet_is_postponed(queued: Job) -> None:
    """The ticket of a job that may not start yet is postponed until then."""
    late = replace(queued, updated_at=START, not_before=START + timedelta(seconds=7.5))
    assert admit(late, SITUATION) == Postpone(7.5)


def test_a_clock_that_was_set_back_does_not_lengthen_a_pause(queued: Job) -> None:
    """The queue measures the pause that was decided, however far back this clock is; then the job is started."""
    late = replace(queued, updated_at=START, not_before=START + timedelta(seconds=7.5))
    back = replace(SITUATION, now=START - timedelta(hours=2))
    assert admit(late, back) == Postpone(7.5)
    assert admit(late, replace(back, deliveries=2)) == Start(waited=True)
    assert admit(late, replace(SITUATION, deliveries=2)) == Postpone(7.5)


@pytest.mark.parametrize(
    ("deliveries", "seconds"), [(1, 5.0), (2, 10.0), (5, 80.0), (99, UNSERVED_MODEL_BACKOFF.longest_seconds)]
)
def test_a_model_that_others_serve_is_left_to_them(queued: Job, deliveries: int, seconds: float) -> None:
    """The ticket of a model that this worker does not serve is postponed, longer with each delivery."""
    situation = replace(SITUATION, deliveries=deliveries, unserved_models={"card"})
    assert admit(queued, situation) == Postpone(seconds)


def test_a_codec_that_others_have_is_left_to_them(queued: Job) -> None:
    """The ticket of a job whose codec this worker lacks is postponed. While it does not know its codecs, it tries."""
    job = replace(queued, spec=replace(queued.spec, codec="av1_nvenc"))
    assert admit(job, replace(SITUATION, codecs=("h264", "av1"))) == Postpone(5.0)
    assert admit(job, replace(SITUATION, codecs=("h264", "av1_nvenc"))) == Start()
    assert admit(job, SITUATION) == Start()
    assert admit(queued, replace(SITUATION, codecs=("h264",))) == Start()


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_the_ticket_of_an_ended_job_is_dropped(queued: Job, status: Status) -> None:
    """There is nothing to do for a job that has ended or does not exist."""
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
def test_a_job_of_another_worker(
    queued: Job, holder: str, deliveries: int, reported: bool, admission: type[Admission]
) -> None:
    """A job is taken over if its ticket is redelivered or its worker is gone; a second copy of a ticket is dropped."""
    others = {queued.id} if reported else set()
    situation = replace(SITUATION, deliveries=deliveries, jobs_of_others=others)
    assert isinstance(admit(held_by(queued, holder), situation), admission)
