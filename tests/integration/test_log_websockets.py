"""A URL of NATS may be ws:// or wss://, and the library for that is loaded for such a URL alone."""

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
from tests.builders.certificates import Authority, IssuedFiles
from tests.fixtures.programs import started

PROCESSES = ("kinolog_api.app", "kinolog_projector.app", "kinolog_worker.app")


class WebSocketServer(NatsServer):
    """A nats-server that also listens for WebSockets, on `websocket_port`."""

    def __init__(self, folder: Path, files: IssuedFiles | None = None) -> None:
        super().__init__(folder)
        self._files = files
        self.websocket_port = free_port()

    def _config(self) -> dict[str, object]:
        listener: dict[str, object] = {"host": self.host, "port": self.websocket_port}
        if self._files is None:
            listener["no_tls"] = True
        else:
            listener["tls"] = {
                "cert_file": str(self._files.certificate),
                "key_file": str(self._files.key),
            }
        return super()._config() | {"websocket": listener}


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")  # of nats-py
async def test_a_process_connects_by_websocket(tmp_path: Path, scheme: str) -> None:
    """A message that is published over one such connection arrives on it, encrypted if an authority is named."""
    authority = Authority(tmp_path, "ours") if scheme == "wss" else None
    files = authority and authority.issue("broker")
    with started(WebSocketServer(tmp_path / "nats", files)) as server:
        settings = LogSettings(
            nats_url=f"{scheme}://{server.host}:{server.websocket_port}",
            nats_ca_file=authority and authority.file,
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
