"""A gateway on a real port, in front of a recording api."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from kinolog_gateway.app import GatewayServer, listen, server_for

from kinolog.process.settings import GatewaySettings
from tests.fixtures.waits import WAIT_SECONDS
from tests.fixtures.web_server import serving
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.recording_services import serve_all


class RunningGateway:
    """A gateway: its address, and a client of it."""

    def __init__(self, url: str, client: httpx.AsyncClient, server: GatewayServer) -> None:
        self.url = url
        self.client = client
        self.server = server

    @property
    def ws_url(self) -> str:
        """Address of its WebSocket."""
        return self.url.replace("http://", "ws://") + "/ws"

    @property
    def state(self) -> Any:
        """State of the application."""
        app: Any = self.server.config.app
        return app.state


NO_WEB_FILES = Path("/nonexistent")
"""Most tests have no web page, whether it is built on this machine or not."""


@asynccontextmanager
async def running_gateway(
    api_target: str, key_file: Path | None = None, web_files: Path = NO_WEB_FILES, **more: Any
) -> AsyncIterator[RunningGateway]:
    """Run a gateway on a free port, in this event loop, with `more` settings and the web page in a folder."""
    settings = GatewaySettings(gateway_port=0, api_target=api_target, api_key_file=key_file, **more)
    server = server_for(settings, web_files)
    listener = listen(settings.gateway_host, 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        serving(server, listener),
        # Certificates, which HTTP does not need, take as long to load as a test.
        httpx.AsyncClient(base_url=url, timeout=WAIT_SECONDS, trust_env=False, verify=False) as client,  # noqa: S501 - HTTP
    ):
        yield RunningGateway(url, client, server)


@asynccontextmanager
async def running_recording_api() -> AsyncIterator[RecordingApi]:
    """Run a recording api with every service."""
    recording = RecordingApi(serve_all)
    await recording.start()
    try:
        yield recording
    finally:
        await recording.stop()


@pytest.fixture
async def api() -> AsyncIterator[RecordingApi]:
    """The api that the gateway calls."""
    async with running_recording_api() as recording:
        yield recording


@pytest.fixture
async def gateway(api: RecordingApi) -> AsyncIterator[RunningGateway]:
    """A gateway without keys in front of that api."""
    async with running_gateway(api.target) as running:
        yield running
