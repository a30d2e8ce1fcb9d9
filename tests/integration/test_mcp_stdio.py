"""`kinolog mcp`: an agent on standard input and output, with a gateway behind it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from mcp import Client, MCPError, StdioServerParameters

from kinolog.v1 import job_pb2 as pb
from tests.fixtures.waits import until_true
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway, running_gateway, running_recording_api
from tests.unit.gateway.mcp_client import read_text
from tests.unit.gateway.recording_api import RecordingApi


@pytest.fixture
async def api() -> AsyncIterator[RecordingApi]:
    """The api that the gateway calls."""
    async with running_recording_api() as recording:
        yield recording


@pytest.mark.slow
async def test_an_agent_on_standard_input(api: RecordingApi) -> None:
    """Tools, errors, progress and cancellation reach an agent; a gateway that is gone is an answer, not the end."""
    reports: list[tuple[float, str | None]] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        assert total == 100.0
        reports.append((progress, message))

    async with running_gateway(api.target) as gateway:
        command = ["-m", "kinolog_cli.app", "--url", gateway.url, "mcp"]
        agent = StdioServerParameters(command=sys.executable, args=command)
        async with Client(agent, mode="legacy") as client:
            assert client.server_info is not None
            assert client.server_info.name == "kinolog"
            assert "generate_video" in (client.instructions or "")
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert tools["get_video"].output_schema
            refused = await client.call_tool("get_video", {"job_id": "x"})
            assert refused.is_error
            with pytest.raises(MCPError, match="there is no such tool"):
                await client.call_tool("nothing", {})
            calls = [
                asyncio.create_task(
                    client.call_tool(
                        "generate_video",
                        {"prompt": prompt, "wait_seconds": 600, "cancel_with_call": True},
                        progress_callback=report,
                    )
                )
                for prompt in ("a heron", "a fox")
            ]
            await until_true(lambda: len(reports) == 2, "both calls report")
            heron, fox = sorted(api.jobs.values(), key=lambda job: job.spec.prompt == "a fox")
            api.commit(canned.completed(heron), "completed")
            done = await calls[0]
            assert done.structured_content["job"]["status"] == "completed"
            calls[1].cancel()
            await until_true(lambda: api.requests("CancelJob"), "the cancelled call cancels its job")
            assert api.requests("CancelJob")[0].job_id == fox.id
            assert heron.id in await read_text(client, f"kinolog://jobs/{heron.id}")
            await _end(gateway)
            with pytest.raises(MCPError, match=f"cannot reach kinolog at {gateway.url}"):
                await client.call_tool("list_models", {})
    assert reports[0] == (0.0, "in the queue, 3 before it")
    assert fox.status == pb.STATUS_QUEUED


async def _end(gateway: RunningGateway) -> None:
    """Close the gateway's listener and connections."""
    for server in gateway.server.servers:
        server.close()
    for connection in list(gateway.server.server_state.connections):
        connection.shutdown()
    await until_true(lambda: not gateway.server.server_state.connections, "the connections are closed")
