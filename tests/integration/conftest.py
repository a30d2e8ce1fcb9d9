"""A log in memory, a read model for a projector to fill, servers with a running api, and an inference process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from kinolog_worker.inference.freeze import FREEZE_SECONDS
from kinolog_worker.inference.process import InferenceProcess

from kinolog.adapters.jetstream.subjects import Service
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog_stack.processes.service_process import ServiceProcess
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.log import empty_streams
from tests.fixtures.programs import started
from tests.integration.service_site import Site
from tests.renderers.installed import PYTHONPATH


@pytest.fixture
async def memory_jobs() -> MemoryJobs:
    """A log with a few jobs."""
    made = MemoryJobs()
    await made.many(20)
    return made


@pytest.fixture
async def read_model(migrated_database_url: str) -> AsyncIterator[PostgresReadModel]:
    """A read model on `migrated_database_url`."""
    model = await PostgresReadModel.connect(migrated_database_url, 2)
    yield model
    await model.close()


@pytest.fixture
def site(own_nats_server: NatsServer, migrated_database_url: str, tmp_path: Path) -> Site:
    """Servers with streams and tables."""
    asyncio.run(empty_streams(own_nats_server))
    return Site(own_nats_server, migrated_database_url, tmp_path)


@pytest.fixture
def api(site: Site) -> Iterator[ServiceProcess]:
    """A running api."""
    with started(site.process("api", Service.API, "kinolog_api")) as process:
        yield process


@pytest.fixture
def freeze_seconds() -> float:
    """How long `process` may be frozen; modules of tests have limits of their own."""
    return FREEZE_SECONDS


@pytest.fixture
async def process(monkeypatch: pytest.MonkeyPatch, freeze_seconds: float) -> AsyncIterator[InferenceProcess]:
    """An inference process that finds the renderers of the tests. It starts when it is used."""
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    inference = InferenceProcess(device="cpu", threads=1, model_memory=1 << 30, freeze_seconds=freeze_seconds)
    yield inference
    await inference.kill()
    assert not inference.alive
