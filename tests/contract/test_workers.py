"""Conformance of the registries of workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from kinolog.adapters.jetstream.subjects import WORKERS_STREAM, Service
from kinolog.adapters.jetstream.workers import JetStreamWorkerRegistry
from kinolog.job.values import Stage
from kinolog.ports.workers import PRESENT_SECONDS, MemoryNeed, WorkerRegistry, WorkerReport
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.workers import MemoryWorkerRegistry
from tests.fixtures.log import connected, empty_streams, server_of
from tests.fixtures.waits import until

AT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
IDLE = WorkerReport(
    name="host.1-abc",
    device="cpu",
    hardware="a laptop",
    models=("kinolog-tiny",),
    loaded_models=(),
    started_at=AT,
    seen_at=AT,
)
BUSY = replace(
    IDLE,
    name="host.2-def",
    loaded_models=("kinolog-tiny",),
    job_id="a" * 26,
    attempt=2,
    stage=Stage.DENOISE,
    step=3,
    steps=20,
    memory_used_bytes=1 << 33,
    memory_total_bytes=1 << 36,
    jobs_completed=7,
    attempts_failed=1,
    libraries={"torch": "2.9"},
    codecs=("h264", "av1_nvenc"),
    problem="this machine has no device cuda:0",
    server_job_ids=("a" * 26, "b" * 26),
    memory_needs={"wan": MemoryNeed(least_bytes=1 << 30, bytes_per_pixel=87.5)},
)


@dataclass
class Registries:
    """The registry of workers and the registry of readers."""

    worker_registry: WorkerRegistry
    reader_registry: WorkerRegistry

    async def until(self, met: Callable[[list[WorkerReport]], bool]) -> list[WorkerReport]:
        """Read until the reports are as required: a report is published without waiting."""
        return await until(self.present, "the workers", met)

    async def present(self) -> list[WorkerReport]:
        """Return the reports that are read now."""
        return list(await self.reader_registry.present_workers())


@pytest.fixture(params=["memory", "one server", "three replicas"])
async def registries(request: pytest.FixtureRequest) -> AsyncIterator[Registries]:
    """An empty registry of each kind."""
    if request.param == "memory":
        memory = MemoryWorkerRegistry()
        yield Registries(memory, memory)
        return
    server = server_of(request, request.param)
    await empty_streams(server, [WORKERS_STREAM])
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(connected(server, Service.WORKER))
        api = await stack.enter_async_context(connected(server, Service.API))
        worker_registry, reader_registry = JetStreamWorkerRegistry(worker), JetStreamWorkerRegistry(api)
        stack.push_async_callback(worker_registry.close)
        stack.push_async_callback(reader_registry.close)
        registries = Registries(worker_registry, reader_registry)
        await _until_stored(registries)
        yield registries


async def _until_stored(registries: Registries) -> None:
    """Wait until a report arrives, and withdraw it. It is lost until all replicas know the leader of the new stream."""
    probe = replace(IDLE, name="probe")
    found: list[WorkerReport] = []
    while not found:
        await registries.worker_registry.report(probe)
        with suppress(AssertionError):
            found = await until(registries.present, seconds=5.0)
    await registries.worker_registry.deregister(probe.name)
    await registries.until(lambda found: not found)


async def test_an_empty_registry_has_no_workers(registries: Registries) -> None:
    """A registry without reports has no workers."""
    assert list(await registries.reader_registry.present_workers()) == []


async def test_reports_are_read_as_they_were_made(registries: Registries) -> None:
    """All fields of reports are read back, ordered by name."""
    await registries.worker_registry.report(BUSY)
    await registries.worker_registry.report(IDLE)
    assert await registries.until(lambda found: len(found) == 2) == [IDLE, BUSY]


async def test_the_last_report_counts(registries: Registries) -> None:
    """A later report of a worker replaces the earlier one."""
    later = replace(IDLE, seen_at=AT + timedelta(seconds=5), job_id="b" * 26)
    await registries.worker_registry.report(IDLE)
    await registries.worker_registry.report(later)
    assert await registries.until(lambda found: later in found) == [later]


async def test_a_deregistered_worker_is_not_present(registries: Registries) -> None:
    """A deregistered worker is not present; deregistering twice is no error, and it can report again."""
    await registries.worker_registry.report(IDLE)
    await registries.worker_registry.report(BUSY)
    await registries.until(lambda found: len(found) == 2)
    await registries.worker_registry.deregister(BUSY.name)
    await registries.worker_registry.deregister(BUSY.name)
    assert await registries.until(lambda found: len(found) == 1) == [IDLE]
    assert await registries.reader_registry.is_deregistered(BUSY.name)
    assert not await registries.reader_registry.is_deregistered(IDLE.name)
    assert not await registries.reader_registry.is_deregistered("nobody")
    await registries.worker_registry.report(BUSY)
    assert await registries.until(lambda found: len(found) == 2) == [IDLE, BUSY]
    assert not await registries.reader_registry.is_deregistered(BUSY.name)


async def test_a_report_that_the_server_does_not_remove_gets_old(nats_server: NatsServer) -> None:
    """A report that stays because the server's clock was set back does not make its worker present permanently."""
    await empty_streams(nats_server, [WORKERS_STREAM])
    now = 100.0
    async with (
        connected(nats_server, Service.WORKER) as worker,
        connected(nats_server, Service.API) as api,
    ):
        reporting, reading = JetStreamWorkerRegistry(worker), JetStreamWorkerRegistry(api, lambda: now)
        pair = Registries(reporting, reading)
        await reporting.report(IDLE)
        assert await pair.until(bool) == [IDLE]
        now += PRESENT_SECONDS - 1
        assert list(await reading.present_workers()) == [IDLE]
        now += 1
        assert list(await reading.present_workers()) == []
        await reporting.report(IDLE)
        assert await pair.until(bool) == [IDLE]
        await reporting.close()
        await reading.close()


async def test_a_silent_worker_is_removed() -> None:
    """A worker whose last report is half a minute old is not present."""
    now = 100.0
    registry = MemoryWorkerRegistry(now=lambda: now)
    await registry.report(IDLE)
    now = 129.0
    await registry.report(BUSY)
    now = 131.0
    assert list(await registry.present_workers()) == [BUSY]
