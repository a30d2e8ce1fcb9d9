"""A URL of NATS may be ws:// or wss://, and the library for that is loaded for such a URL alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.connections.tls import ServerCertificate
from kinolog.process.settings import LogSettings
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.tcp_ports import free_port
from tests.builders.certificates import Authority, IssuedFiles
from tests.fixtures.programs import started
from tests.fixtures.waits import WAIT_SECONDS

PROCESSES = ("kinolog_api.app", "kinolog_projector.app", "kinolog_worker.app")


class WebSocketServer(NatsServer):
    """A nats-server that also listens for WebSockets, on `websocket_port`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.websocket_port = free_port()

    def _config(self) -> dict[str, object]:
        listener = {"host": self.host, "port": self.websocket_port, "no_tls": True}
        return super()._config() | {"websocket": listener}


@asynccontextmanager
async def encrypting_proxy(files: IssuedFiles, port: int) -> AsyncIterator[int]:
    """Run a proxy that encrypts for a server of this machine, which does not know of it. Yield its port."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(forward(reader, inner_writer), forward(inner_reader, writer))

    context = ServerCertificate(certificate=files.certificate, key=files.key).context()
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")  # of nats-py
async def test_a_process_connects_by_websocket(tmp_path: Path, scheme: str) -> None:
    """A message that is published over one such connection arrives on it, encrypted if an authority is named."""
    authority = Authority(tmp_path, "ours")
    with started(WebSocketServer(tmp_path / "nats")) as server:
        port = server.websocket_port
        async with encrypting_proxy(authority.issue("broker"), port) as encrypted_port:
            is_encrypted = scheme == "wss"
            settings = LogSettings(
                nats_url=f"{scheme}://{server.host}:{encrypted_port if is_encrypted else port}",
                nats_ca_file=authority.file if is_encrypted else None,
                nats_user=Service.ADMIN.value,
                nats_password=server.password(Service.ADMIN),
            )
            client = await connect(settings, Service.ADMIN)
            try:
                subscription = await client.subscribe("heron")
                await client.publish("heron", b"lands")
                assert (await subscription.next_msg(timeout=WAIT_SECONDS)).data == b"lands"
            finally:
                await client.close()


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_starts_without_the_library(module: str) -> None:
    """No part of a process imports it before a connection needs it."""
    loaded = f"import sys, {module}; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")
