"""No ticket is held by nobody, and no error is lost, when a wait of the main loop is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from kinolog_worker import supervisor as module
from kinolog_worker.attempt.device_line import DevicePlace
from kinolog_worker.queue.ticket_handler import TicketHandler
from kinolog_worker.supervisor import Supervisor

from kinolog.job.values import Status
from kinolog.ports.tickets import Coldness, HeldTicket
from kinolog.process.tasks import end_tasks
from tests.builders.memory_worker import MemoryWorker, issued, supervised
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import WAIT_SECONDS, until_true

Take = Callable[[Sequence[str]], Awaitable[HeldTicket]]


@pytest.fixture
def memory_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryWorker:
    """A worker that gives running jobs no time when it is stopped, and abandons tasks soon."""
    monkeypatch.setattr(module, "end_tasks", partial(end_tasks, seconds=0.05))
    monkeypatch.setattr(module, "LIVENESS_SECONDS", 0.001)
    memory_worker = MemoryWorker(tmp_path)
    memory_worker.set_timing(shutdown_grace_seconds=0.0)
    return memory_worker


def replace_take(memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch, *takes: Take) -> Take:
    """Let the worker's requests for a ticket be `takes`, one after the other, then real ones. Return the real one."""
    real, left = memory_worker.dependencies.queue.take, list(takes)

    async def take(model_classes: Sequence[str], coldness: Coldness, *_: object) -> HeldTicket:
        return await (left.pop(0) if left else real)(model_classes)

    monkeypatch.setattr(memory_worker.dependencies.queue, "take", take)
    return real


async def until_free(memory_worker: MemoryWorker) -> None:
    """Wait until no ticket is held."""
    queued = memory_worker.issuer.queued.values()
    now = memory_worker.issuer.now
    await until_true(lambda: queued and all(one.free_at <= now() for one in queued), "the ticket is free")


@asynccontextmanager
async def cancelled(memory_worker: MemoryWorker) -> AsyncIterator[None]:
    """Run the worker's main loop during the block, and cancel it at the end."""
    async with background_task(Supervisor(memory_worker.dependencies).run()):
        yield


async def test_an_abandoned_request_for_a_ticket_returns_it(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that does not end in time neither stops the worker nor holds the ticket that it gets later."""
    late, begun, again = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def deaf(model_classes: Sequence[str]) -> HeldTicket:
        begun.set()
        while not late.is_set():
            try:
                await late.wait()
            except asyncio.CancelledError:
                continue
        return await real(model_classes)

    async def idle(_: Sequence[str]) -> HeldTicket:
        again.set()
        await asyncio.Event().wait()
        raise AssertionError

    real = replace_take(memory_worker, monkeypatch, deaf, idle)
    async with supervised(memory_worker), asyncio.timeout(WAIT_SECONDS):
        try:
            await begun.wait()
            memory_worker.inference.alive = False
            await again.wait()
            await issued(memory_worker)
        finally:
            late.set()  # the request ends also if the test fails
        await until_true(
            lambda: [one.deliveries for one in memory_worker.issuer.queued.values()] == [1], "a delivery"
        )
        await until_free(memory_worker)


async def test_an_error_of_a_request_that_nobody_waits_for_ends_no_shutdown(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that fails while it is cancelled is logged; the worker stops cleanly."""
    begun = asyncio.Event()

    async def failing(_: Sequence[str]) -> HeldTicket:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("while it ended")
        raise AssertionError

    replace_take(memory_worker, monkeypatch, failing)
    async with supervised(memory_worker), asyncio.timeout(WAIT_SECONDS):
        await begun.wait()
    assert "ended late, with an error: LookupError" in caplog.text


@pytest.mark.parametrize("run", [supervised, cancelled])
async def test_a_ticket_that_arrives_as_the_worker_ends_is_released(
    memory_worker: MemoryWorker,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[[MemoryWorker], AbstractAsyncContextManager[object]],
) -> None:
    """A request that has its ticket although it is cancelled leaves it to other workers."""
    arrived = asyncio.Event()

    async def just_in_time(model_classes: Sequence[str]) -> HeldTicket:
        held = await real(model_classes)
        arrived.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return held
        raise AssertionError

    real = replace_take(memory_worker, monkeypatch, just_in_time)
    async with run(memory_worker), asyncio.timeout(WAIT_SECONDS):
        await issued(memory_worker)
        await arrived.wait()
    async with asyncio.timeout(WAIT_SECONDS):
        held = await memory_worker.issuer.queue().take(["tiny"])
    assert held.deliveries == 2


async def test_a_cancellation_that_escapes_a_ticket_ends_no_worker(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that raises `CancelledError` by itself costs a delivery; the worker goes on."""
    handle, escapes = TicketHandler.handle, 1

    async def escaping(handler: TicketHandler, held: HeldTicket, place: DevicePlace) -> None:
        nonlocal escapes
        if escapes:
            escapes -= 1
            raise asyncio.CancelledError
        await handle(handler, held, place)

    monkeypatch.setattr(TicketHandler, "handle", escaping)
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)
        await memory_worker.until(job_id, lambda job: job.status is Status.COMPLETED)


async def test_a_cancellation_that_escapes_the_start_is_no_shutdown(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start of the inference process that is interrupted from inside is tried again."""
    start, starts = memory_worker.inference.start, 0

    async def interrupted() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise asyncio.CancelledError
        await start()

    memory_worker.inference.alive = False
    monkeypatch.setattr(memory_worker.inference, "start", interrupted)
    async with supervised(memory_worker) as supervisor, asyncio.timeout(WAIT_SECONDS):
        await supervisor.ready.wait()
    assert starts == 2
