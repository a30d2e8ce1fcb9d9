"""A ticket that is delivered again although its worker is alive: the worker keeps its job."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from kinolog.job.values import Status
from kinolog.ports.tickets import HeldTicket
from kinolog.ports.workers import WorkerReport
from tests.builders.memory_worker import START, MemoryWorker
from tests.fixtures.waits import WAIT_SECONDS

OTHER = "worker-other"


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def redelivered(memory_worker: MemoryWorker, job_id: str) -> HeldTicket:
    """Return the second delivery of the ticket of a job."""
    await (await memory_worker.ticket(job_id)).release()
    return await memory_worker.dependencies.queue.take(["tiny"])


async def report(memory_worker: MemoryWorker, job_id: str, seconds: float = 0.0) -> None:
    """Let the other worker report that it works on a job."""
    await memory_worker.workers.report(
        WorkerReport(
            name=OTHER,
            device="cpu",
            hardware="",
            models=(),
            loaded_models=(),
            started_at=START,
            seen_at=START + timedelta(seconds=seconds),
            job_id=job_id,
        )
    )


@pytest.mark.parametrize("known", [True, False])
async def test_a_worker_that_reports_keeps_its_job(memory_worker: MemoryWorker, known: bool) -> None:
    """A redelivered ticket of a worker that reports soon, known before or not, is left alone."""
    memory_worker.set_timing(holder_look_seconds=0.2)
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id, OTHER)
    held = await redelivered(memory_worker, job_id)
    if known:
        await report(memory_worker, job_id)
    handling = asyncio.create_task(memory_worker.ticket_handler.handle(held))
    while not handling.done():
        await report(memory_worker, job_id, asyncio.get_running_loop().time())
        await asyncio.wait([handling], timeout=0.01)
    job = await memory_worker.job(job_id)
    assert (job.status, job.worker, job.attempt) == (Status.PROCESSING, OTHER, 1)
    assert set(await memory_worker.issuer.outstanding()) == {job_id}
    assert (held.deliveries, memory_worker.inference.jobs) == (2, [])


@pytest.mark.parametrize("last_words", ["none", "an old report", "a report about another job", "removed"])
async def test_the_job_of_a_silent_worker_is_taken_over(memory_worker: MemoryWorker, last_words: str) -> None:
    """A worker that does not report again has lost its job. One that was removed is not waited for."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id, OTHER)
    held = await redelivered(memory_worker, job_id)
    if last_words == "an old report":
        await report(memory_worker, job_id)
    elif last_words == "a report about another job":
        await report(memory_worker, "another")
    elif last_words == "removed":
        memory_worker.set_timing(holder_look_seconds=3600.0)
        await memory_worker.workers.deregister(OTHER)
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
    job = await memory_worker.job(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)


async def test_a_worker_that_is_removed_meanwhile_is_not_waited_for(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever knows that a worker is dead removes it, also after its ticket was delivered again."""
    memory_worker.set_timing(holder_look_seconds=3600.0)
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id, OTHER)
    held = await redelivered(memory_worker, job_id)
    is_deregistered, looks = memory_worker.workers.is_deregistered, 0

    async def removed_after_a_look(name: str) -> bool:
        nonlocal looks
        looks += 1
        found = await is_deregistered(name)
        await memory_worker.workers.deregister(OTHER)
        return found

    monkeypatch.setattr(memory_worker.workers, "is_deregistered", removed_after_a_look)
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
    job = await memory_worker.job(job_id)
    assert (job.status, job.attempt, looks) == (Status.COMPLETED, 2, 2)
