"""A stream from the api that falls silent is opened again, and clients learn that updates pause."""

from __future__ import annotations

import asyncio

import pytest
from kinolog_gateway.live import stream_silence, tenant_broadcast
from kinolog_gateway.live.tenant_broadcast import TenantBroadcast

from tests.fixtures.waits import until_true
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.ws_client import connected, positions


def only_broadcast(gateway: RunningGateway) -> TenantBroadcast:
    """Return the broadcast of the only tenant."""
    (broadcast,) = gateway.state.broadcasts._broadcasts.values()
    assert isinstance(broadcast, TenantBroadcast)
    return broadcast


async def test_a_silent_stream_is_opened_again(
    gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An api that has sent a heartbeat and then nothing counts as broken: clients are told, and nothing is missed."""
    monkeypatch.setattr(tenant_broadcast, "SILENCE_SECONDS", 0.2)
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        api.send_update()
        message = await client.receive_type("error")
        assert message["data"]["reason"] == "API_UNAVAILABLE"
        ready = (await gateway.client.get("/ready")).json()
        job = api.add_job()
        assert positions(await client.receive_until(job.position)) == [1]
    assert len(api.requests("WatchJobs")) >= 2
    assert "live updates pause" in ready["detail"]
    assert all(request.heartbeat_seconds for request in api.requests("WatchJobs"))


async def test_an_api_without_heartbeats_may_be_silent(
    gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream of an older api, which sends no heartbeat, is never taken for broken."""
    monkeypatch.setattr(tenant_broadcast, "SILENCE_SECONDS", 0.01)
    checked = asyncio.Event()
    check = stream_silence.StreamSilence._check

    def counted(silence: stream_silence.StreamSilence) -> None:
        check(silence)
        if silence._silent_checks > 2 * stream_silence.CHECKS:
            checked.set()

    monkeypatch.setattr(stream_silence.StreamSilence, "_check", counted)
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await checked.wait()
        assert not only_broadcast(gateway).paused
    assert len(api.requests("WatchJobs")) == 1


async def test_who_joins_a_pause_is_told(gateway: RunningGateway, api: RecordingApi) -> None:
    """A client that connects while the api is away learns at once that it gets no updates for now."""
    async with connected(gateway.ws_url) as first:
        await first.subscribe("jobs")
        await api.wait_for_streams()
        await api.stop()
        await first.receive_type("error")
        async with connected(gateway.ws_url) as second:
            assert (await second.receive())["data"]["reason"] == "API_UNAVAILABLE"
        await api.start()
        job = api.add_job()
        await first.receive_until(job.position)
        assert not only_broadcast(gateway).paused


async def test_the_end_of_a_pause_is_told(gateway: RunningGateway, api: RecordingApi) -> None:
    """Subscribers of the counts get them when updates go on, though nothing has changed, and not before."""
    async with connected(gateway.ws_url) as first:
        await first.subscribe("queue")
        await first.receive_type("queue_updated")
        await api.wait_for_streams()
        await api.stop()
        await first.receive_type("error")
        async with connected(gateway.ws_url) as second:
            await second.subscribe("queue")
            await api.start()
            await api.wait_for_streams()
            api.send_update()
            for client in (first, second):
                await client.receive_type("queue_updated")
        assert [message["type"] for message in second.received] == ["error", "pong", "queue_updated"]


async def test_an_unknown_error_ends_no_broadcast(
    gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody expected is logged, and the stream is opened again."""
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        broadcast = only_broadcast(gateway)
        publish, failed = broadcast._publish, asyncio.Event()

        def fail_once(update: object) -> None:
            monkeypatch.setattr(broadcast, "_publish", publish)
            failed.set()
            raise LookupError("nobody expected it")

        monkeypatch.setattr(broadcast, "_publish", fail_once)
        first = api.add_job()
        await failed.wait()
        assert positions(await client.receive_until(first.position)) == [1]
    await until_true(lambda: not broadcast.clients, "the client has left")
