"""The position of every WebSocket message is one that its client can resume after without missing a commit."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from kinolog_gateway.live import tenant_broadcast

from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.recording_api import RecordingApi, Refusal
from tests.unit.gateway.ws_client import connected, positions


@pytest.fixture
async def gateway(api: RecordingApi, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """A gateway that remembers no commits, so that clients catch up from the api itself."""
    monkeypatch.setattr(tenant_broadcast, "LOOK_BACK", 0)
    async with running_gateway(api.target) as running:
        yield running


async def test_messages_while_a_client_catches_up(gateway: RunningGateway, api: RecordingApi) -> None:
    """Counts and log lines that overtake missed commits carry a position before them."""
    job = canned.started(api.add_job())
    for _ in range(4):
        api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe(f"logs:{job.id}")
        await api.wait_for_streams()
        api.failures["WatchJobs"] = Refusal(grpc.StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE", "away")
        await client.subscribe("jobs", after=1)
        await client.send(type="subscribe", channel="queue")
        assert (await client.receive_type("queue_updated"))["position"] == 1
        api.send_update(log=canned.line(job, 1))
        assert (await client.receive_type("job_log_entry"))["position"] == 1
        del api.failures["WatchJobs"]
        assert positions(await client.receive_until(5)) == [2, 3, 4, 5]
        api.send_update(log=canned.line(job, 2))
        assert (await client.receive_type("job_log_entry"))["position"] == 5


async def test_a_job_that_is_ahead_of_the_stream(gateway: RunningGateway, api: RecordingApi) -> None:
    """A job's current state waits for the commits before it that another channel of the client needs."""
    api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        api.pause_streams()
        api.add_job()
        job = api.add_job()
        await client.subscribe(f"job:{job.id}")
        while not api.requests("GetJob"):
            assert await client.settle() == []
        api.resume_streams()
        assert positions(await client.receive_until(job.position)) == [2, 3]


async def test_two_channels_that_catch_up(gateway: RunningGateway, api: RecordingApi) -> None:
    """Commits that come while a job's channel catches up are sent once and in order."""
    job = api.add_job()
    api.commit(canned.started(job), "attempt_started")
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        api.pause_streams()
        api.add_job()
        done = api.commit(canned.completed(canned.started(job)), "completed")
        await client.subscribe(f"job:{job.id}", after=1)
        while not api.requests("WatchJob"):
            await client.settle()
        api.resume_streams()
        await client.receive_until(done.position)
    assert positions(client.received) == [2, 3, 4]


@pytest.mark.parametrize("with_all_jobs", [False, True])
async def test_several_channels_that_catch_up(
    gateway: RunningGateway, api: RecordingApi, with_all_jobs: bool
) -> None:
    """Several channels that resume receive their missed commits in the order of the log, each once."""
    first, second = api.add_job(), api.add_job()
    api.commit(canned.started(second), "attempt_started")
    api.add_job()
    api.commit(canned.started(first), "attempt_started")
    async with connected(gateway.ws_url) as client:
        channels = [f"job:{first.id}", f"job:{second.id}", *(["jobs"] if with_all_jobs else [])]
        for channel in channels:
            await client.send(type="subscribe", channel=channel, after=2)
        await client.receive_until(5)
        await api.wait_for_streams(1)
        done = api.commit(canned.completed(canned.started(second)), "completed")
        await client.receive_until(done.position)
    assert positions(client.received) == ([3, 4, 5, 6] if with_all_jobs else [3, 5, 6])


async def test_a_channel_beside_one_of_an_unknown_job(gateway: RunningGateway, api: RecordingApi) -> None:
    """A channel of an unknown job that resumes is refused, and the one beside it catches up."""
    job = api.add_job()
    api.commit(canned.started(job), "attempt_started")
    api.commit(canned.completed(canned.started(job)), "completed")
    async with connected(gateway.ws_url) as client:
        for channel in (f"job:{job.id}", "job:" + "a" * 26):
            await client.send(type="subscribe", channel=channel, after=1)
        error = await client.receive_type("error")
    assert positions(client.received) == [2, 3]
    assert (error["data"]["reason"], error["data"]["channel"]) == ("JOB_NOT_FOUND", "job:" + "a" * 26)
