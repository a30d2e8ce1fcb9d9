"""The worker's main loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import FailedMessage, PrefetchedMessage, RenderJob

from kinolog.job.values import Status
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.workers import WorkerReport
from tests.builders.memory_worker import ME, MemoryWorker, issued, supervised
from tests.builders.scripted_inference import FACTS, endless
from tests.fixtures.waits import WAIT_SECONDS, until, until_true


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker that gives running jobs no time when it is stopped."""
    memory_worker = MemoryWorker(tmp_path)
    memory_worker.set_timing(shutdown_grace_seconds=0.0, ack_extend_seconds=0.05)
    return memory_worker


async def test_one_ticket_after_the_other(memory_worker: MemoryWorker) -> None:
    """The worker handles every ticket and stops on request."""
    async with supervised(memory_worker):
        job_ids = [await issued(memory_worker) for _ in range(3)]
        for job_id in job_ids:
            await memory_worker.until(job_id, lambda job: job.status is Status.COMPLETED)
    assert memory_worker.inference.killed.is_set()
    assert list(await memory_worker.workers.present_workers()) == []


async def test_a_ticket_is_extended_while_its_job_runs(memory_worker: MemoryWorker) -> None:
    """The time until it is delivered again begins again, as often as needed: no other worker gets it."""
    memory_worker.inference.script = endless
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)
        await memory_worker.until(job_id, lambda job: job.status is Status.PROCESSING)
        (ticket,) = memory_worker.issuer.queued.values()
        ends = {ticket.free_at}

        def extended() -> bool:
            ends.add(ticket.free_at)
            return len(ends) > 3

        await until_true(extended, "the ticket is extended three times")
        assert ticket.deliveries == 1


async def test_stopping_ends_a_running_attempt(memory_worker: MemoryWorker) -> None:
    """A worker that stops during an attempt queues its job again and leaves the registry."""
    memory_worker.inference.script = endless
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)
        await memory_worker.until(job_id, lambda job: job.status is Status.PROCESSING)
    job = await memory_worker.job(job_id)
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_STOPPED"


async def test_stopping_an_idle_worker(memory_worker: MemoryWorker) -> None:
    """A worker that waits for tickets stops at once."""
    async with supervised(memory_worker):
        pass


async def test_a_worker_is_ready_once_its_model_is_loaded(memory_worker: MemoryWorker) -> None:
    """Before it takes tickets a worker starts the inference process and loads the default model."""
    memory_worker.inference.alive = False
    async with supervised(memory_worker) as supervisor:
        async with asyncio.timeout(WAIT_SECONDS):
            await supervisor.ready.wait()
        assert [render_job.model.name for render_job in memory_worker.inference.jobs] == ["card"]
        assert memory_worker.dependencies.status.loaded_models == ("card",)
        assert memory_worker.dependencies.status.runtime("card").model_revision == FACTS.revision


async def test_a_model_that_cannot_be_loaded_does_not_stop_the_worker(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose default model cannot be loaded still takes tickets; their jobs fail with an error code."""

    async def fails(job: RenderJob) -> PrefetchedMessage | FailedMessage:
        return FailedMessage(
            job_id=job.job_id, code="MODEL_NOT_FOUND", message="there is no such folder", retryable=False
        )

    memory_worker.inference.alive = False
    monkeypatch.setattr(memory_worker.inference, "prefetch", fails)
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)
        await memory_worker.until(job_id, lambda job: job.status.terminal)


async def test_an_inference_process_that_does_not_start_is_tried_again(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the inference process cannot be started, no ticket is taken and the start is retried."""
    starts = 0

    async def start() -> None:
        nonlocal starts
        starts += 1
        if starts < 2:
            raise RuntimeError("it ended before it was ready")
        memory_worker.inference.alive = True

    memory_worker.inference.alive = False
    monkeypatch.setattr(memory_worker.inference, "start", start)
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)
        await memory_worker.until(job_id, lambda job: job.status is Status.COMPLETED)
        assert starts == 2


async def test_a_worker_reports_its_work(memory_worker: MemoryWorker) -> None:
    """While a job runs, the registry names it."""
    memory_worker.inference.script = endless
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)

        async def reported_jobs() -> list[str]:
            return [r.job_id for r in await memory_worker.workers.present_workers() if r.name == ME]

        await until(reported_jobs, "the report", lambda found: found == [job_id])
        memory_worker.inference.cancelled.set()


async def test_a_dead_inference_process_is_replaced_before_the_next_job(memory_worker: MemoryWorker) -> None:
    """When the inference process of an idle worker dies, a new one is started and loads the model at once."""
    async with supervised(memory_worker) as supervisor:
        async with asyncio.timeout(WAIT_SECONDS):
            await supervisor.ready.wait()
        assert memory_worker.inference.jobs == []
        memory_worker.inference.alive = False
        await until_true(lambda: memory_worker.inference.jobs, "the new process gets a job")
        assert memory_worker.inference.alive


async def test_an_inference_process_that_dies_while_it_loads_is_started_again_after_a_pause(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that loading kills, for lack of memory for example, does not make the worker ready."""
    inference = memory_worker.inference
    prefetch = inference.prefetch
    ready_after_death: list[bool] = []

    async def die_once(job: RenderJob) -> PrefetchedMessage | FailedMessage:
        if ready_after_death:
            return await prefetch(job)
        inference.alive = False
        ready_after_death.append(supervisor.ready.is_set())
        return FailedMessage(job_id=job.job_id, code="OUT_OF_MEMORY", message="killed", retryable=True)

    inference.alive = False
    monkeypatch.setattr(inference, "prefetch", die_once)
    starts: list[bool] = []
    start = inference.start

    async def count_start() -> None:
        starts.append(supervisor.ready.is_set())
        await start()

    monkeypatch.setattr(inference, "start", count_start)
    async with supervised(memory_worker) as supervisor:
        async with asyncio.timeout(WAIT_SECONDS):
            await supervisor.ready.wait()
        assert starts == [False, False]
        assert ready_after_death == [False]


async def test_a_worker_whose_log_does_not_answer_is_not_ready(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe names the log while reports do not reach it; an error that nobody expected ends no reports."""
    memory_worker.set_timing(shutdown_grace_seconds=0.0, report_interval_seconds=0.01)
    report = memory_worker.workers.report
    async with supervised(memory_worker) as supervisor:
        await until_true(lambda: not supervisor.missing(), "the worker is ready")
        for error in (LogUnavailable("no answer"), LookupError("nobody expected it")):

            async def fail(_: WorkerReport, error: Exception = error) -> None:
                raise error

            monkeypatch.setattr(memory_worker.workers, "report", fail)
            await until_true(supervisor.missing, "the log is missing")
            assert supervisor.missing() == ["the log does not answer"]
            if isinstance(error, LookupError):
                monkeypatch.setattr(memory_worker.workers, "report", report)
        await until_true(lambda: not supervisor.missing(), "the worker is ready again")
