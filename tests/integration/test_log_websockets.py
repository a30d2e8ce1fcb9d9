"""A URL of NATS may be ws://, and the library for that is loaded for such a URL alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.process.settings import LogSettings
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.tcp_ports import free_port
from tests.fixtures.programs import started

PROCESSES = ("kinolog_api.app", "kinolog_projector.app", "kinolog_worker.app")


class WebSocketServer(NatsServer):
    """A nats-server that also listens for WebSockets, on `websocket_port`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.websocket_port = free_port()

    def _config(self) -> dict[str, object]:
        listener = {"host": self.host, "port": self.websocket_port, "no_tls": True}
        return super()._config() | {"websocket": listener}


@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")  # of nats-py
async def test_a_process_connects_by_websocket(tmp_path: Path) -> None:
    """A message that is published over one such connection arrives on it."""
    with started(WebSocketServer(tmp_path / "nats")) as server:
        settings = LogSettings(
            nats_url=f"ws://{server.host}:{server.websocket_port}",
            nats_user=Service.ADMIN.value,
            nats_password=server.password(Service.ADMIN),
        )
        client = await connect(settings, Service.ADMIN)
        try:
            subscription = await client.subscribe("heron")
            await client.publish("heron", b"lands")
            assert (await subscription.next_msg(timeout=30)).data == b"lands"
        finally:
            await client.close()


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_starts_without_the_library(module: str) -> None:
    """No part of a process imports it before a connection needs it."""
    loaded = f"import sys, {module}; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")
