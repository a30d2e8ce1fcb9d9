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
from tests.unit.supervisor.bench import (
    ME,
    START,
    Bench,
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty bench."""
    return Bench(tmp_path)


@pytest.mark.parametrize("ended", ["cancelled", "given up"])
async def test_a_stale_ticket_is_removed(bench: Bench, ended: str) -> None:
    """The ticket of a job that has ended is removed, and nothing is rendered."""
    job_id = await bench.submitted()
    poisoned = GiveUp(
        id=new_id(), actor="projector", error=JobError(code="POISONED", message="no", retryable=False)
    )
    await bench.give(job_id, Cancel(id=new_id(), actor="ann") if ended == "cancelled" else poisoned)
    await bench.work(job_id)
    assert await bench.office.outstanding() == {}
    assert bench.inference.orders == []


async def test_a_job_of_another_s_model_is_left_to_others(bench: Bench) -> None:
    """A worker gives back the ticket of a model that it does not serve, and does not touch the job."""
    job_id = await bench.submitted(model="big")
    job = await bench.work(job_id)
    assert job.status is Status.QUEUED
    assert set(await bench.office.outstanding()) == {job_id}


async def test_a_lost_worker_s_job_is_taken_over(bench: Bench) -> None:
    """A job whose worker is not there any more is taken over, its attempt recorded as lost."""
    job_id = await bench.submitted()
    await bench.taken_over(job_id)
    job = await bench.work(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_LOST"


async def test_a_second_ticket_does_not_take_a_job_from_a_living_worker(bench: Bench) -> None:
    """A first delivery for a job that another worker reports to work on is a stray copy, and is removed."""
    job_id = await bench.submitted()
    await bench.taken_over(job_id)
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
    await bench.workers.report(report)
    job = await bench.work(job_id)
    assert (job.status, job.worker) == (Status.PROCESSING, "worker-other")
    assert await bench.office.outstanding() == {}


async def test_a_cancelled_job_of_a_lost_worker_ends_without_rendering(bench: Bench) -> None:
    """When somebody asked to cancel before the worker was lost, taking the job over ends it."""
    job_id = await bench.submitted()
    await bench.taken_over(job_id)
    await bench.give(job_id, Cancel(id=new_id(), actor="ann"))
    job = await bench.work(job_id)
    assert job.status is Status.CANCELLED
    assert (bench.inference.orders, await bench.office.outstanding()) == ([], {})


async def test_an_outage_of_the_log_is_ridden_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appends that fail because the log is away are made later, each once, whether they were stored or not."""
    append = bench.store.append
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

    job_id = await bench.submitted()
    held = await bench.ticket(job_id)
    monkeypatch.setattr(bench.store, "append", unreliable)
    async with asyncio.timeout(30):
        await bench.desk.handle(held)
    job = await bench.job(job_id)
    assert job.status is Status.COMPLETED
    kinds = Counter(type(event) for event in await bench.events(job_id))
    assert (kinds[e.AttemptStarted], kinds[e.SceneRendered], kinds[e.Completed]) == (1, 2, 1)
    assert kinds[e.StageStarted] == kinds[e.StageFinished]


async def test_an_error_of_the_worker_fails_the_attempt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw fails the attempt in the log, so that the job is not stuck."""

    def broken(job: RenderJob) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.inference, "run", broken)
    job = await bench.work(await bench.submitted())
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_ERROR"


async def test_warming_up(bench: Bench) -> None:
    """A ticket to warm up loads the model and encodes the prompts of all scenes, and that is recorded."""
    job_id = await bench.submitted()
    await bench.give(job_id, Prefetch(id=new_id(), actor="ann"))
    await bench.desk.handle(await bench.ticket(job_id, prefetch=True))
    last = (await bench.events(job_id))[-1]
    assert isinstance(last, e.PrefetchFinished)
    assert (last.worker, last.assets, last.size_bytes) == (ME, ("card", "2 prompt embeddings"), 1_000)
    assert len(bench.inference.orders[0].scenes) == 2


async def test_warming_up_too_late(bench: Bench) -> None:
    """A ticket to warm up for a job that was started meanwhile is removed without more."""
    job_id = await bench.submitted()
    await bench.give(job_id, Prefetch(id=new_id(), actor="ann"))
    await bench.taken_over(job_id)
    await bench.desk.handle(await bench.ticket(job_id, prefetch=True))
    assert bench.inference.orders == []
    assert bench.office.queued == {}


async def test_a_ticket_before_its_time_is_put_off(bench: Bench) -> None:
    """A ticket that comes before its job may start again is given back, and the job left alone."""
    job_id = await bench.submitted()
    await bench.taken_over(job_id)
    late = bench.now.replace(year=2027)
    await bench.give(
        job_id,
        FailAttempt(
            id=new_id(),
            actor="worker-other",
            attempt=1,
            error=JobError(code="X", message="x", retryable=True),
            retry_at=late,
        ),
    )
    assert (await bench.work(job_id)).status is Status.QUEUED
    assert set(await bench.office.outstanding()) == {job_id}
