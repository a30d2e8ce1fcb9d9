"""Tickets for models that another worker has loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.queue import warm_workers
from kinolog_worker.queue.warm_workers import MOST_DELIVERIES, WarmWorkers

from kinolog.job.commands import Prefetch
from kinolog.job.values import Status
from kinolog.models.memory.needs import GIB
from kinolog.ports.tickets import COLDEST
from kinolog.ports.workers import MemoryNeed, WorkerReport
from tests.builders.memory_worker import START, MemoryWorker

OTHER = WorkerReport(
    name="worker-other",
    device="cpu",
    hardware="",
    models=("card", "big"),
    loaded_models=("big", "card"),
    started_at=START,
    seen_at=START,
)


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker that serves two models of one class and has none loaded."""
    return MemoryWorker(tmp_path, served=frozenset({"card", "big"}))


async def test_a_ticket_is_left_to_a_worker_that_waits_and_has_the_model(memory_worker: MemoryWorker) -> None:
    """If the ticket comes back, that worker waits no more, and the job is started here."""
    await memory_worker.workers.report(OTHER)
    job_id = await memory_worker.submit()
    assert (await memory_worker.work(job_id)).status is Status.QUEUED
    assert memory_worker.ticket_handler.warm_workers.coldness("tiny") == COLDEST
    held = await memory_worker.issuer.queue().take(["tiny"])
    assert held.deliveries == 2
    await memory_worker.ticket_handler.handle(held)
    assert (await memory_worker.job(job_id)).status is Status.COMPLETED


async def test_so_is_a_prefetch(memory_worker: MemoryWorker) -> None:
    await memory_worker.workers.report(OTHER)
    job_id = await memory_worker.submit()
    await memory_worker.send(job_id, Prefetch(id=memory_worker.command_id(), actor="ann"))
    await memory_worker.ticket_handler.handle(await memory_worker.ticket(job_id, prefetch=True))
    assert not memory_worker.inference.jobs
    await memory_worker.ticket_handler.handle(await memory_worker.issuer.queue().take(["tiny"]))
    assert [job.job_id for job in memory_worker.inference.jobs] == [job_id]


async def test_a_job_follows_its_prefetch(memory_worker: MemoryWorker) -> None:
    """Each of the two tickets is passed on once."""
    await memory_worker.workers.report(OTHER)
    job_id = await memory_worker.submit()
    warm, job = memory_worker.ticket_handler.warm_workers, await memory_worker.job(job_id)
    for prefetch in (True, False):
        held = await memory_worker.ticket(job_id, prefetch=prefetch)
        assert held.ticket.prefetch is prefetch
        assert await warm.pass_on(held, job)
        again = await memory_worker.dependencies.queue.take(["tiny"])
        assert not await warm.pass_on(again, job)


@pytest.mark.parametrize(
    "other",
    [
        replace(OTHER, job_id="a" * 26),
        replace(OTHER, problem="its GPU is gone"),
        replace(OTHER, loaded_models=("big",)),
        replace(OTHER, codecs=("av1",)),
        replace(
            OTHER,
            device="cuda:0",
            memory_total_bytes=GIB,
            memory_needs={"card": MemoryNeed(least_bytes=8 * GIB, bytes_per_pixel=1.0)},
        ),
    ],
    ids=["busy", "in trouble", "with another model", "without the codec", "too small"],
)
async def test_no_ticket_is_left_to_a_worker_that_cannot_start_it(
    memory_worker: MemoryWorker, other: WorkerReport
) -> None:
    await memory_worker.workers.report(other)
    job_id = await memory_worker.submit_sealed(
        "b" * 26, "A star.", {"model": "card", "guidance": 1.0, "codec": "h264"}
    )
    assert (await memory_worker.work(job_id)).status is Status.COMPLETED


async def test_a_warm_worker_keeps_its_tickets(memory_worker: MemoryWorker) -> None:
    await memory_worker.workers.report(OTHER)
    memory_worker.inference.loaded_models = ("card",)
    assert (await memory_worker.work(await memory_worker.submit())).status is Status.COMPLETED


async def test_a_ticket_that_was_delivered_often_is_started(memory_worker: MemoryWorker) -> None:
    """Passing it on uses up deliveries, and a worker whose reports are late may wait no more."""
    await memory_worker.workers.report(OTHER)
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    for _ in range(MOST_DELIVERIES):
        await held.release()
        held = await memory_worker.dependencies.queue.take(["tiny"])
    await memory_worker.ticket_handler.handle(held)
    assert (await memory_worker.job(job_id)).status is Status.COMPLETED


async def test_coldness_is_the_share_of_a_class_that_is_not_loaded(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that passed on a ticket is the coldest one until its requests for the next one wait."""
    warm, inference = WarmWorkers(memory_worker.dependencies), memory_worker.inference
    found = []
    for loaded in ((), ("big",), ("big", "card")):
        inference.loaded_models = loaded
        found.append(warm.coldness("tiny"))
    assert found == [COLDEST - 1, (COLDEST - 1) // 2, 0]
    inference.loaded_models = ("big",)
    await memory_worker.workers.report(OTHER)
    job_id = await memory_worker.submit()
    now = 1000.0
    monkeypatch.setattr(warm_workers, "monotonic", lambda: now)
    assert await warm.pass_on(await memory_worker.ticket(job_id), await memory_worker.job(job_id))
    assert (warm.coldness("tiny"), warm.coldness("another class")) == (COLDEST, 0)
    now += warm_workers.STEPPED_BACK_SECONDS
    assert warm.coldness("tiny") == (COLDEST - 1) // 2
