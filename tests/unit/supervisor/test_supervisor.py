"""The worker's main loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import FailedMessage, PrefetchedMessage, RenderJob
from kinolog_worker.supervisor import Supervisor

from kinolog.job.values import Status
from kinolog.ports.tickets import Ticket
from tests.unit.supervisor.bench import FACTS, ME, Bench, endless


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench whose worker gives running jobs no time when it is stopped."""
    bench = Bench(tmp_path)
    bench.with_timing(shutdown_grace_seconds=0.0, ack_extend_seconds=0.05)
    return bench


async def issue(bench: Bench, job_id: str) -> None:
    """Issue the job's ticket as the reactor does."""
    await bench.office.issue(
        Ticket(
            job_id=job_id,
            position=1,
            attempt=1,
            model_class="tiny",
            priority=(await bench.job(job_id)).priority,
        )
    )


async def finished(running: asyncio.Task[None]) -> None:
    """Wait until the loop has ended well."""
    async with asyncio.timeout(30):
        await running


async def test_one_ticket_after_the_other(bench: Bench) -> None:
    """The worker deals with every ticket, and stops when told."""
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    job_ids = [await bench.submitted() for _ in range(3)]
    for job_id in job_ids:
        await issue(bench, job_id)
    for job_id in job_ids:
        await bench.until(job_id, lambda job: job.status is Status.COMPLETED)
    supervisor.stop()
    await finished(running)
    assert bench.inference.killed.is_set()
    assert list(await bench.workers.present_workers()) == []


async def test_a_ticket_is_kept_while_its_job_runs(bench: Bench) -> None:
    """A job that takes longer than a ticket may be silent is not handed to another worker."""
    bench.office.ack_wait_seconds = 0.3
    bench.inference.script = endless
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    job_id = await bench.submitted()
    await issue(bench, job_id)
    await bench.until(job_id, lambda job: job.status is Status.PROCESSING)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await bench.office.queue().take(["tiny"])
    supervisor.stop()
    await finished(running)


async def test_stopping_ends_a_running_attempt(bench: Bench) -> None:
    """A worker that is told to stop while it works puts its job back, and leaves."""
    bench.inference.script = endless
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    job_id = await bench.submitted()
    await issue(bench, job_id)
    await bench.until(job_id, lambda job: job.status is Status.PROCESSING)
    supervisor.stop()
    await finished(running)
    job = await bench.job(job_id)
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_STOPPED"


async def test_stopping_an_idle_worker(bench: Bench) -> None:
    """A worker that waits for tickets stops at once."""
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    supervisor.stop()
    await finished(running)


async def test_a_worker_is_ready_once_its_model_is_loaded(bench: Bench) -> None:
    """Before it takes tickets a worker starts the inference process and loads the default model."""
    bench.inference.alive = False
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(30):
        await supervisor.ready.wait()
    assert [order.model.name for order in bench.inference.orders] == ["card"]
    assert bench.parts.status.loaded_model == "card"
    assert bench.parts.status.runtime("card").model_revision == FACTS.revision
    supervisor.stop()
    await finished(running)


async def test_a_model_that_cannot_be_loaded_stops_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose default model cannot be loaded takes tickets all the same: their jobs then fail clearly."""

    async def fails(job: RenderJob) -> PrefetchedMessage | FailedMessage:
        return FailedMessage(
            job_id=job.job_id, code="MODEL_NOT_FOUND", message="there is no such folder", retryable=False
        )

    bench.inference.alive = False
    monkeypatch.setattr(bench.inference, "prefetch", fails)
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    job_id = await bench.submitted()
    await issue(bench, job_id)
    await bench.until(job_id, lambda job: job.status.terminal)
    supervisor.stop()
    await finished(running)


async def test_an_inference_process_that_does_not_start_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the inference process cannot be started no ticket is taken, and starting it is tried on."""
    starts = 0

    async def start() -> None:
        nonlocal starts
        starts += 1
        if starts < 2:
            raise RuntimeError("it ended before it was ready")
        bench.inference.alive = True

    bench.inference.alive = False
    monkeypatch.setattr(bench.inference, "start", start)
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    job_id = await bench.submitted()
    await issue(bench, job_id)
    await bench.until(job_id, lambda job: job.status is Status.COMPLETED)
    assert starts == 2
    supervisor.stop()
    await finished(running)


async def test_a_worker_reports_its_work(bench: Bench) -> None:
    """While a job runs the registry says which, and afterwards how many were completed."""
    bench.inference.script = endless
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    job_id = await bench.submitted()
    await issue(bench, job_id)
    async with asyncio.timeout(30):
        while [r.job_id for r in await bench.workers.present_workers() if r.name == ME] != [job_id]:  # noqa: ASYNC110
            await asyncio.sleep(0)  # the registry in memory has no bell
    bench.inference.cancelled.set()
    supervisor.stop()
    await finished(running)


async def test_a_dead_inference_process_is_replaced_before_the_next_job(bench: Bench) -> None:
    """When the inference process of an idle worker dies, a new one is started and loads the model at once."""
    supervisor = Supervisor(bench.parts)
    running = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(30):
        await supervisor.ready.wait()
        assert bench.inference.orders == []
        bench.inference.alive = False
        while not bench.inference.orders:  # noqa: ASYNC110 - the loop looks from time to time
            await asyncio.sleep(0.01)
    assert bench.inference.alive
    supervisor.stop()
    await finished(running)
