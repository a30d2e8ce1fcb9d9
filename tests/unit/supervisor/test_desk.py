"""What a worker does with the tickets that it is handed."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import RenderJob

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel, FailAttempt, GiveUp, Prefetch
from kinolog.job.values import JobError, Status
from kinolog.ports.event_store import Appended, LogUnavailable
from kinolog.ports.workers import WorkerReport
from tests.builders.memory_worker import ME, START, MemoryWorker


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


@pytest.mark.parametrize("ended", ["cancelled", "given up"])
async def test_a_stale_ticket_is_removed(memory_worker: MemoryWorker, ended: str) -> None:
    """The ticket of a job that has ended is removed, and nothing is rendered."""
    job_id = await memory_worker.submit()
    poisoned = GiveUp(
        id=new_id(), actor="projector", error=JobError(code="POISONED", message="no", retryable=False)
    )
    await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann") if ended == "cancelled" else poisoned)
    await memory_worker.work(job_id)
    assert await memory_worker.issuer.outstanding() == {}
    assert memory_worker.inference.jobs == []


async def test_a_job_of_another_s_model_is_left_to_others(memory_worker: MemoryWorker) -> None:
    """A worker gives back the ticket of a model that it does not serve, and does not touch the job."""
    job_id = await memory_worker.submit(model="big")
    job = await memory_worker.work(job_id)
    assert job.status is Status.QUEUED
    assert set(await memory_worker.issuer.outstanding()) == {job_id}


async def test_a_lost_worker_s_job_is_taken_over(memory_worker: MemoryWorker) -> None:
    """A job whose worker is not there any more is taken over, its attempt recorded as lost."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id)
    job = await memory_worker.work(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_LOST"


async def test_a_second_ticket_does_not_take_a_job_from_a_living_worker(memory_worker: MemoryWorker) -> None:
    """A first delivery for a job that another worker reports to work on is a stray copy, and is removed."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id)
    report = WorkerReport(
        name="worker-other",
        device="cpu",
        hardware="",
        models=(),
        loaded_models=(),
        started_at=START,
        seen_at=START,
        job_id=job_id,
    )
    await memory_worker.workers.report(report)
    job = await memory_worker.work(job_id)
    assert (job.status, job.worker) == (Status.PROCESSING, "worker-other")
    assert await memory_worker.issuer.outstanding() == {}


async def test_a_cancelled_job_of_a_lost_worker_ends_without_rendering(memory_worker: MemoryWorker) -> None:
    """When somebody asked to cancel before the worker was lost, taking the job over ends it."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id)
    await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann"))
    job = await memory_worker.work(job_id)
    assert job.status is Status.CANCELLED
    assert (memory_worker.inference.jobs, await memory_worker.issuer.outstanding()) == ([], {})


async def test_an_outage_of_the_log_is_ridden_out(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends that fail because the log is away are made later, each once, whether they were stored or not."""
    append = memory_worker.store.append
    calls = 0

    async def unreliable(commit: object) -> Appended:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise LogUnavailable("away before it was stored")
        answer = await append(commit)  # type: ignore[arg-type]  # passed on as it came
        if calls % 5 == 0:
            raise LogUnavailable("away after it was stored")
        return answer

    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    monkeypatch.setattr(memory_worker.store, "append", unreliable)
    async with asyncio.timeout(30):
        await memory_worker.ticket_handler.handle(held)
    job = await memory_worker.job(job_id)
    assert job.status is Status.COMPLETED
    kinds = Counter(type(event) for event in await memory_worker.events(job_id))
    assert (kinds[e.AttemptStarted], kinds[e.SceneRendered], kinds[e.Completed]) == (1, 2, 1)
    assert kinds[e.StageStarted] == kinds[e.StageFinished]


async def test_an_error_of_the_worker_fails_the_attempt(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw fails the attempt in the log, so that the job is not stuck."""

    def broken(job: RenderJob) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(memory_worker.inference, "run", broken)
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_ERROR"


async def test_warming_up(memory_worker: MemoryWorker) -> None:
    """A ticket to warm up loads the model and encodes the prompts of all scenes, and that is recorded."""
    job_id = await memory_worker.submit()
    await memory_worker.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await memory_worker.ticket_handler.handle(await memory_worker.ticket(job_id, prefetch=True))
    last = (await memory_worker.events(job_id))[-1]
    assert isinstance(last, e.PrefetchFinished)
    assert (last.worker, last.assets, last.size_bytes) == (ME, ("card", "2 prompt embeddings"), 1_000)
    assert len(memory_worker.inference.jobs[0].scenes) == 2


async def test_warming_up_too_late(memory_worker: MemoryWorker) -> None:
    """A ticket to warm up for a job that was started meanwhile is removed without more."""
    job_id = await memory_worker.submit()
    await memory_worker.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await memory_worker.start_elsewhere(job_id)
    await memory_worker.ticket_handler.handle(await memory_worker.ticket(job_id, prefetch=True))
    assert memory_worker.inference.jobs == []
    assert memory_worker.issuer.queued == {}


async def test_a_ticket_before_its_time_is_put_off(memory_worker: MemoryWorker) -> None:
    """A ticket that comes before its job may start again is given back, and the job left alone."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id)
    late = memory_worker.now.replace(year=2027)
    await memory_worker.send(
        job_id,
        FailAttempt(
            id=new_id(),
            actor="worker-other",
            attempt=1,
            error=JobError(code="X", message="x", retryable=True),
            retry_at=late,
        ),
    )
    assert (await memory_worker.work(job_id)).status is Status.QUEUED
    assert set(await memory_worker.issuer.outstanding()) == {job_id}
