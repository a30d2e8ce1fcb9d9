"""The gateway as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from kinolog_gateway.app import server_for
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from kinolog.process import ready_line
from kinolog.process.settings import GatewaySettings
from kinolog_client.http.connection_pool import IDLE_SECONDS
from tests.fixtures.waits import WAIT_SECONDS


def start(**environment: str) -> subprocess.Popen[str]:
    """Start a gateway process with these settings."""
    settings = {f"KINOLOG_{name.upper()}": value for name, value in environment.items()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KINOLOG_")}
    return subprocess.Popen(
        [sys.executable, "-m", "kinolog_gateway"],
        env=inherited | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_start_and_stop(number: signal.Signals) -> None:
    """The process announces its address, serves, and exits with success after a signal. Live clients are told."""
    with start(gateway_port="0", api_target="127.0.0.1:1") as process:
        assert process.stdout is not None
        announced = ready_line.parse(process.stdout.readline())
        assert announced is not None
        assert announced["name"] == "gateway"
        assert httpx.get(f"{announced['url']}/health").json() == {"status": "ok"}
        address = announced["url"].replace("http", "ws", 1) + "/ws"
        with connect(address) as watching:
            process.send_signal(number)
            with suppress(ConnectionClosed):
                while True:
                    assert json.loads(watching.recv())["type"] == "error"
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (watching.close_code, watching.close_reason) == (1012, "the gateway stops")
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_idle_connections_end_at_the_client_first() -> None:
    """A request on a kept connection never meets the gateway that ends it: the client ends it first, by far."""
    kept = server_for(GatewaySettings(gateway_port=0, api_target="127.0.0.1:1")).config.timeout_keep_alive
    assert kept > 10 * IDLE_SECONDS


def test_an_address_without_keys() -> None:
    """An address that other machines can reach is refused without keys, with what to do."""
    with start(gateway_host="0.0.0.0", gateway_port="0") as process:
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, out) == (2, "")
    assert "KINOLOG_API_KEY_FILE" in err
    assert "Traceback" not in err


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port that is taken is named, with what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with start(gateway_port=port) as process:
            out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, out) == (2, "")
    assert f"127.0.0.1:{port}" in err
    assert "KINOLOG_GATEWAY_PORT" in err


def test_an_invalid_port() -> None:
    """An invalid setting is named."""
    with start(gateway_port="99999") as process:
        _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 2
    assert err.startswith("kinolog-gateway: KINOLOG_GATEWAY_PORT: ")
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
