"""A job whose inference process is stopped or killed by a signal in each attempt fails after its attempts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.ids import new_id
from kinolog.job.commands import Retry
from kinolog.job.values import NOT_COUNTED, Status
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import failing, rendering


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def _worked(memory_worker: MemoryWorker, job_id: str, code: str) -> Status:
    memory_worker.inference.script = failing(code, retryable=True)
    job = await memory_worker.work(job_id)
    if job.not_before is not None:
        memory_worker.now = job.not_before
    return job.status


@pytest.mark.parametrize("code", ["RENDERER_STOPPED", "RENDERER_FROZEN", "WORKER_CRASHED", "OUT_OF_MEMORY"])
async def test_a_job_whose_renderer_ends_by_a_signal_each_time_fails(
    memory_worker: MemoryWorker, code: str
) -> None:
    """SIGSTOP, SIGSEGV of a driver, and the kernel that needs memory: none of them is tried again without end."""
    job_id = await memory_worker.submit()
    job = await memory_worker.job(job_id)
    ends = [await _worked(memory_worker, job_id, code) for _ in range(job.max_attempts)]
    assert ends == [*[Status.QUEUED] * (job.max_attempts - 1), Status.FAILED]
    job = await memory_worker.job(job_id)
    assert job.error is not None
    assert job.error.code == code
    assert ("in 3 attempts of this job" in job.error.message) == (code == "RENDERER_STOPPED")


async def test_a_renderer_that_is_stopped_once_costs_no_attempt(memory_worker: MemoryWorker) -> None:
    """A job that crashed before has its last attempt also after a stop; trouble of a worker is no attempt either."""
    job_id = await memory_worker.submit()
    for code in ("RENDERER_STOPPED", *sorted(NOT_COUNTED - {"RENDERER_STOPPED", "SCRATCH_FULL"})):
        assert await _worked(memory_worker, job_id, code) is Status.QUEUED
    for code in ("WORKER_CRASHED", "RENDERER_STOPPED", "WORKER_CRASHED"):
        assert await _worked(memory_worker, job_id, code) is Status.QUEUED
    memory_worker.inference.script = rendering
    assert (await memory_worker.work(job_id)).status is Status.COMPLETED


async def test_a_job_that_is_tried_again_by_hand_has_its_attempts_again(memory_worker: MemoryWorker) -> None:
    """Whoever has found what stopped the processes starts from zero."""
    job_id = await memory_worker.submit()
    for _ in range(3):
        status = await _worked(memory_worker, job_id, "RENDERER_STOPPED")
    assert status is Status.FAILED
    await memory_worker.send(job_id, Retry(id=new_id(), actor="ann"))
    for code in ("RENDERER_STOPPED", "RENDERER_STOPPED"):
        assert await _worked(memory_worker, job_id, code) is Status.QUEUED
    assert await _worked(memory_worker, job_id, "RENDERER_STOPPED") is Status.FAILED


async def test_stops_before_other_failures_are_forgotten(memory_worker: MemoryWorker) -> None:
    """A crash counts by itself, and so a job does not fail for its stops before that, also once it is tried again."""
    job_id = await memory_worker.submit()
    codes = ("RENDERER_STOPPED", "RENDERER_STOPPED", *["WORKER_CRASHED"] * 3)
    ends = [await _worked(memory_worker, job_id, code) for code in codes]
    assert ends == [*[Status.QUEUED] * 4, Status.FAILED]
    await memory_worker.send(job_id, Retry(id=new_id(), actor="ann"))
    assert await _worked(memory_worker, job_id, "RENDERER_STOPPED") is Status.QUEUED


async def test_a_job_with_a_single_attempt_is_tried_again_after_one_stop(memory_worker: MemoryWorker) -> None:
    job_id = await memory_worker.submit_sealed(
        new_id(), "A star.", {"model": "card", "guidance": 1.0}, max_attempts=1
    )
    assert await _worked(memory_worker, job_id, "RENDERER_STOPPED") is Status.QUEUED
    assert await _worked(memory_worker, job_id, "RENDERER_STOPPED") is Status.FAILED
