"""Calls of the Model Context Protocol that wait for the end of a job."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.mcp import job_waits
from kinolog_gateway.mcp.job_waits import JobWaits
from mcp import Client
from mcp_types import CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

from kinolog.v1 import job_pb2 as pb
from tests.fixtures.waits import WAIT_SECONDS, until_true
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.mcp_client import HANDSHAKE, MODERN, mcp_connected, text_of
from tests.unit.gateway.recording_api import RecordingApi, Refusal

REQUEST = {"prompt": "a heron", "wait_seconds": 600, "request_id": "r1"}


class Reports:
    """The progress notifications that a client receives."""

    def __init__(self) -> None:
        self.received: list[tuple[float, str]] = []
        self._arrived = asyncio.Condition()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Take one."""
        assert total == 100.0
        async with self._arrived:
            self.received.append((progress, message or ""))
            self._arrived.notify_all()

    async def wait_for(self, number: int) -> None:
        """Wait until so many have arrived."""
        async with asyncio.timeout(WAIT_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= number)


def start(client: Client, reports: Reports, **more: Any) -> asyncio.Task[Any]:
    """Call generate_video in a task."""
    call = client.call_tool("generate_video", {**REQUEST, **more}, progress_callback=reports)
    return asyncio.get_running_loop().create_task(call)


@pytest.fixture(autouse=True)
def _every_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report all progress."""
    monkeypatch.setattr(job_waits, "REPORT_SECONDS", 0.0)


@pytest.mark.parametrize("mode", [MODERN, HANDSHAKE])
async def test_progress_until_the_end(gateway: RunningGateway, api: RecordingApi, mode: str) -> None:
    """A call reports the queue and each step that comes, and returns the completed job with its video."""
    reports = Reports()
    async with mcp_connected(gateway, mode) as client:
        call = start(client, reports)
        await reports.wait_for(1)
        await api.wait_for_streams(1)
        (job,) = api.jobs.values()
        running = api.commit(canned.started(job), "attempt_started")
        api.send_update(progress=canned.progress(running, 4))
        await reports.wait_for(2)
        api.commit(canned.completed(running), "completed")
        result = await call
    assert reports.received == [
        (0.0, "in the queue, 3 before it"),
        (10.0, "denoise, scene 1 of 2, step 4 of 20, about 16 s left"),
    ]
    assert result.structured_content["job"]["status"] == "completed"
    assert [block.type for block in result.content] == ["text", "text", "resource_link"]


@pytest.mark.parametrize("mode", [MODERN, HANDSHAKE])
@pytest.mark.parametrize("with_call", [False, True])
async def test_a_call_that_is_cancelled(
    gateway: RunningGateway, api: RecordingApi, mode: str, with_call: bool
) -> None:
    """A cancelled call stops waiting. Its jobs, of which these are two, are cancelled too only if it asked for it."""
    waits: JobWaits = gateway.state.job_waits
    reports = Reports()
    async with mcp_connected(gateway, mode) as client:
        call = start(client, reports, cancel_with_call=with_call, variants=2)
        await reports.wait_for(1)
        assert len(waits.followers) == 1
        call.cancel()
        await asyncio.wait([call])
        await until_true(lambda: not waits.followers, "the call stopped waiting")
        cancelled = 2 * with_call
        await until_true(lambda: len(api.requests("CancelJob")) >= cancelled, "the jobs are cancelled")
        assert not (await client.call_tool("list_models", {})).is_error
    assert len(api.requests("CancelJob")) == cancelled
    status = pb.STATUS_CANCELLED if with_call else pb.STATUS_QUEUED
    assert [job.status for job in api.jobs.values()] == [status, status]


@pytest.mark.parametrize("version", [LATEST_MODERN_VERSION, LATEST_HANDSHAKE_VERSION])
async def test_a_connection_that_ends(gateway: RunningGateway, api: RecordingApi, version: str) -> None:
    """A call whose connection ends stops waiting, in every version of the protocol."""
    waits: JobWaits = gateway.state.job_waits
    meta = {PROTOCOL_VERSION_META_KEY: version, CLIENT_CAPABILITIES_META_KEY: {}, "progressToken": 1}
    params = {"name": "generate_video", "arguments": REQUEST, "_meta": meta}
    headers = {
        "Accept": "application/json, text/event-stream",
        "Mcp-Protocol-Version": version,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "generate_video",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with gateway.client.stream("POST", "/mcp", json=body, headers=headers) as response:
        assert "notifications/progress" in await anext(response.aiter_text())
        assert len(waits.followers) == 1
    await until_true(lambda: not waits.followers, "the call stopped waiting")
    assert not api.requests("CancelJob")


async def test_waits_are_bounded(
    gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller with too many waits gets its job at once. When the gateway stops, the others return, and jobs go on."""
    monkeypatch.setattr(job_waits, "MAX_WAITS_PER_TENANT", 1)
    reports = Reports()
    async with mcp_connected(gateway) as client:
        call = start(client, reports)
        await reports.wait_for(1)
        (job,) = api.jobs.values()
        second = await client.call_tool("get_video", {"job_id": job.id, "wait_seconds": 600})
        assert "This call did not wait, because too many others wait already." in text_of(second)
        gateway.state.job_waits.stop()
        result = await call
    assert "The job goes on." in text_of(result)
    assert job.status == pb.STATUS_QUEUED
    assert not api.requests("CancelJob")


async def test_a_wait_that_fails(gateway: RunningGateway, api: RecordingApi) -> None:
    """A job that was submitted is returned even if it cannot be waited for, such as by a key that only submits."""
    api.failures["GetJob"] = Refusal(
        grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", "this key may not read"
    )
    async with mcp_connected(gateway) as client:
        result = await client.call_tool("generate_video", REQUEST)
    (job,) = api.jobs.values()
    assert not result.is_error
    assert result.structured_content["job"]["job_id"] == job.id
    assert "This call could not wait: this key may not read. The job goes on." in text_of(result)


async def test_a_wait_that_is_over(gateway: RunningGateway, api: RecordingApi) -> None:
    """A job that has not ended in time is returned as it is, and the job goes on."""
    job = api.add_job()
    waits: JobWaits = gateway.state.job_waits
    reports: list[float] = []

    async def report(percent: float, _: str) -> None:
        reports.append(percent)

    found = await waits.wait(HttpCaller(), job.id, 0.0, report)
    assert (found.status, reports, waits.followers) == (pb.STATUS_QUEUED, [], set())
