"""The dashboard in a browser, through HTTP and its WebSocket."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from kinolog_stack.tcp_ports import free_port
from tests.snapshot.environment import environment_of
from tests.snapshot.replay import replay

pytestmark = pytest.mark.slow
SERVE = "import sys; from kinolog_tui.browser import serve; serve(sys.argv[1], None, int(sys.argv[2]))"


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[str]:
    """Host and port of a served dashboard."""
    port = free_port()
    env = environment_of(tmp_path)
    async with replay() as gateway:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVE, gateway.url, str(port)), env=env, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        output = await process.stdout.readline()
        assert f"http://127.0.0.1:{port};".encode() in output
        yield f"127.0.0.1:{port}"
        process.terminate()
        assert await process.wait() == 0


async def until(browser: ClientConnection, text: str) -> None:
    """Receive until this text is drawn."""
    drawn = ""
    while text not in drawn:
        message = await browser.recv()
        drawn += message.decode(errors="replace") if isinstance(message, bytes) else ""


async def test_a_browser_gets_a_dashboard_that_takes_keys(host: str) -> None:
    """The page names its WebSocket, which draws the dashboard and accepts keys."""
    async with httpx.AsyncClient() as http:
        page = await http.get(f"http://{host}/")
    assert page.status_code == 200
    assert f"ws://{host}/ws" in page.text
    assert "fonts" not in page.headers["Content-Security-Policy"]
    async with connect(f"ws://{host}/ws?width=100&height=30", origin=Origin(f"http://{host}")) as browser:
        await until(browser, "activity")
        await browser.send(json.dumps(["stdin", "2"]))
        await until(browser, "newest first")


async def test_pages_of_others_are_kept_out(host: str) -> None:
    """Neither a page of another origin nor another host name reaches the dashboard."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{host}/ws", origin=Origin("http://elsewhere.example"))
    assert refused.value.response.status_code == 403
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"http://{host}/", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 403


async def test_a_port_that_is_taken_is_named(host: str) -> None:
    """A second dashboard on the same port fails with the cause and the next step."""
    port = host.partition(":")[2]
    command = ("-m", "kinolog_cli.app", "--url", "http://127.0.0.1:1", "tui", "--web", "--web-port", port)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=asyncio.subprocess.PIPE)
    _, output = await process.communicate()
    assert process.returncode == 1
    text = " ".join(output.decode().split())
    assert text == f"cannot serve at {host}: Address already in use; choose another --web-port"
