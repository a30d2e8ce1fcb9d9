"""SIGTERM ends every process in every state: while it waits for servers that do not answer, and while they freeze."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from kinolog.adapters.jetstream.subjects import Service
from kinolog.job.values import Status
from kinolog.process.main import STOP_TIMED_OUT
from kinolog_stack.processes.service_process import ServiceProcess
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.running_workers import RunningWorkers, running_workers
from tests.fixtures.programs import frozen
from tests.fixtures.waits import WAIT_SECONDS, until
from tests.integration.service_site import Site

STOPPED_IN_STARTING = 128 + signal.SIGTERM
MODULES = {
    "api": (Service.API, "kinolog_api"),
    "projector": (Service.PROJECTOR, "kinolog_projector"),
    "worker": (Service.WORKER, "kinolog_worker"),
}


class SilentServer:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> SilentServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connected.set()


@pytest.fixture
async def silent_server() -> AsyncIterator[SilentServer]:
    """A server that accepts and never answers."""
    async with SilentServer() as server:
        yield server


async def status_after_stop(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to stop and return its exit status. Fails if it does not end."""
    process.terminate()
    try:
        return await asyncio.to_thread(process.wait, WAIT_SECONDS)
    finally:
        process.kill()


def launched(module: str, *arguments: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process without waiting until it serves."""
    return subprocess.Popen([sys.executable, "-m", module, *arguments], env=env)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("api", []), ("worker", []), ("projector", []), ("projector", ["restore"]), ("projector", ["rebuild"])],
)
async def test_while_it_waits_for_the_log(
    site: Site, silent_server: SilentServer, name: str, arguments: list[str]
) -> None:
    """A process that starts against a server that never answers ends at once, as a command of the projector does."""
    service, module = MODULES[name]
    env = site.env(service, KINOLOG_NATS_URL=f"nats://127.0.0.1:{silent_server.port}")
    with launched(module, *arguments, env=env) as process:
        async with asyncio.timeout(WAIT_SECONDS):
            await silent_server.connected.wait()
        assert await status_after_stop(process) == STOPPED_IN_STARTING


@pytest.mark.parametrize("name", ["api", "projector"])
async def test_while_it_waits_for_the_database(site: Site, silent_server: SilentServer, name: str) -> None:
    """A process that serves, and whose database accepts and never answers, stops in time."""
    service, module = MODULES[name]
    url = f"postgresql://postgres@127.0.0.1:{silent_server.port}/kinolog"
    with launched(module, env=site.env(service, KINOLOG_DATABASE_URL=url)) as process:
        async with asyncio.timeout(WAIT_SECONDS):
            await silent_server.connected.wait()
        assert await status_after_stop(process) in (0, STOP_TIMED_OUT, STOPPED_IN_STARTING)


@pytest.mark.parametrize("name", MODULES)
async def test_while_the_log_is_frozen(site: Site, name: str) -> None:
    """A process that serves stops although the log has stopped to answer, and the log of a late one names its tasks."""
    service, module = MODULES[name]
    process = site.process(name, service, module, KINOLOG_WORKER_SCRATCH=str(site.folder / "scratch"))
    await asyncio.to_thread(process.start)
    assert process.child is not None
    assert site.nats.child is not None
    with frozen(site.nats.child.pid):
        status = await status_after_stop(process.child.process)
    assert status in (0, STOP_TIMED_OUT)
    if status == STOP_TIMED_OUT:
        assert "did not stop within" in site.log(name)
    process.stop()


async def test_a_gateway_whose_api_is_frozen(site: Site) -> None:
    """A gateway with a WebSocket client and a call that the api does not answer stops in time."""
    api = site.process("api", *MODULES["api"])
    await asyncio.to_thread(api.start)
    more = {"KINOLOG_API_TARGET": api.announced["target"], "KINOLOG_GATEWAY_PORT": "0"}
    gateway: ServiceProcess = site.process("gateway", Service.API, "kinolog_gateway", **more)
    await asyncio.to_thread(gateway.start)
    assert api.child is not None
    assert gateway.child is not None
    with frozen(api.child.pid):
        async with connect(gateway.announced["url"].replace("http", "ws") + "/ws") as socket:
            await socket.send('{"type": "subscribe", "channel": "jobs", "after": 0}')
            assert await status_after_stop(gateway.child.process) in (0, STOP_TIMED_OUT)
    gateway.stop()
    await asyncio.to_thread(api.stop)


@pytest.fixture
async def workers(own_nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[RunningWorkers]:
    """A log and worker processes of its own for each test."""
    async with running_workers(own_nats_server, tmp_path) as workers:
        yield workers


async def test_a_worker_that_loads_a_model(workers: RunningWorkers) -> None:
    """A worker stops while its inference process loads a model, which takes longer than the test."""
    workers.offer(load_seconds=3_600)
    worker = await workers.start_worker(grace_seconds=0)

    async def loads() -> bool:
        return bool(worker.inference_pids())

    await until(loads, "the inference process runs")
    assert await worker.stop() in (0, STOP_TIMED_OUT)


async def test_a_worker_that_renders_while_the_log_is_frozen(
    workers: RunningWorkers, own_nats_server: NatsServer
) -> None:
    """A worker in the middle of a job stops, although it cannot say so in the log."""
    workers.offer(step_seconds=1.0)
    worker = await workers.start_worker(grace_seconds=0)
    job_id = await workers.submit(steps=600)
    await workers.until(job_id, lambda job: job.status is Status.PROCESSING)
    assert own_nats_server.child is not None
    with frozen(own_nats_server.child.pid):
        assert await worker.stop() in (0, STOP_TIMED_OUT)
