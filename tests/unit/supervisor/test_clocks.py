"""Clocks that are set two hours back or ahead: no job waits for them, and no history runs backwards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel, Prefetch
from kinolog.job.values import Status
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import failing, rendering

TWO_HOURS = timedelta(hours=2)


class SteadyClock:
    """The clock of the queue, in seconds: it is not set, only advanced."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


@pytest.mark.parametrize("shift", [-TWO_HOURS, TWO_HOURS])
async def test_a_retry_does_not_wait_for_the_clock(memory_worker: MemoryWorker, shift: timedelta) -> None:
    """An attempt failed, then the clock is set: the next attempt starts after its pause, as the queue measures it."""
    queue_clock = memory_worker.issuer.now = SteadyClock()
    job_id = await memory_worker.submit()
    memory_worker.inference.script = failing("WORKER_CRASHED", retryable=True)
    assert (await memory_worker.work(job_id)).status is Status.QUEUED
    memory_worker.inference.script = rendering
    memory_worker.now += shift
    held = await memory_worker.ticket(job_id)
    await memory_worker.ticket_handler.handle(held)
    if shift < timedelta(0):
        assert (await memory_worker.job(job_id)).status is Status.QUEUED
        queue_clock.seconds += 5.0
        await memory_worker.ticket_handler.handle(await memory_worker.dependencies.queue.take(["tiny"]))
    job = await memory_worker.job(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)


async def test_times_of_a_job_never_run_backwards(memory_worker: MemoryWorker) -> None:
    """Whatever the clock does between commands and during an attempt, the times of a history do not decrease."""
    job_id = await memory_worker.submit()
    memory_worker.now -= TWO_HOURS
    await memory_worker.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await memory_worker.work(job_id)
    memory_worker.now -= TWO_HOURS
    other = await memory_worker.submit()
    await memory_worker.start_elsewhere(other)
    memory_worker.now -= TWO_HOURS
    await memory_worker.send(other, Cancel(id=new_id(), actor="ann"))
    await memory_worker.work(other)
    for each in (job_id, other):
        times = [event.at for event in await memory_worker.events(each)]
        assert times == sorted(times)
        job = await memory_worker.job(each)
        assert job.finished_at is not None
        assert job.created_at <= job.updated_at == job.finished_at
    assert (await memory_worker.job(job_id)).status is Status.COMPLETED
    assert (await memory_worker.job(other)).status is Status.CANCELLED


async def test_a_clock_that_was_set_back_shortens_no_pause(memory_worker: MemoryWorker) -> None:
    """A failure that is recorded after the clock was set back is followed by the whole pause."""
    job_id = await memory_worker.submit()
    memory_worker.now -= TWO_HOURS
    memory_worker.inference.script = failing("WORKER_CRASHED", retryable=True)
    await memory_worker.work(job_id)
    queued = [event for event in await memory_worker.events(job_id) if isinstance(event, e.Queued)][-1]
    assert queued.not_before is not None
    assert queued.not_before - queued.at == timedelta(seconds=5)
