"""TenantBroadcasts: a broadcast lingers after its last client, and a client that comes back keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_gateway.live import tenant_broadcasts as module
from kinolog_gateway.live.outgoing_message import OutgoingMessage
from kinolog_gateway.live.send_queue import SendQueue
from kinolog_gateway.live.subscriber import Subscriber
from kinolog_gateway.live.tenant_broadcasts import TenantBroadcasts

from tests.fixtures.waits import until_true
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.ws_client import connected


async def _discard(_: str, __: OutgoingMessage) -> None:
    """Send nothing."""


def _come_and_go(broadcasts: TenantBroadcasts, client: Subscriber, times: int) -> None:
    for _ in range(times):
        with broadcasts.connected(client):
            pass


async def test_quick_reconnects_leave_one_timer(gateway: RunningGateway) -> None:
    """Each return of a client stops the timer of its last departure: only the last departure counts."""
    broadcasts: TenantBroadcasts = gateway.state.broadcasts
    async with connected(gateway.ws_url) as socket:
        await socket.settle()
        (broadcast,) = broadcasts._broadcasts.values()
        client = Subscriber(broadcast, SendQueue(_discard, broadcasts.counts))
        _come_and_go(broadcasts, client, 5)
        assert not broadcasts._lingering
    await until_true(lambda: broadcasts._lingering, "the broadcast lingers")
    _come_and_go(broadcasts, client, 5)
    (timer,) = broadcasts._lingering.values()
    with broadcasts.connected(client):
        assert timer.cancelled()
        assert not broadcasts._lingering


async def test_an_idle_broadcast_closes(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time after the last client left the stream from the api ends."""
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    broadcasts: TenantBroadcasts = gateway.state.broadcasts
    async with connected(gateway.ws_url) as socket:
        await socket.subscribe("jobs")
        (broadcast,) = broadcasts._broadcasts.values()
    await until_true(broadcast._task.done, "the broadcast has ended")
    assert not broadcasts._broadcasts


async def test_the_end_of_the_gateway_stops_the_timers(gateway: RunningGateway) -> None:
    """A closed gateway leaves neither a timer nor a stream."""
    broadcasts: TenantBroadcasts = gateway.state.broadcasts
    async with connected(gateway.ws_url) as socket:
        await socket.settle()
        (broadcast,) = broadcasts._broadcasts.values()
    await until_true(lambda: broadcasts._lingering, "the broadcast lingers")
    (timer,) = broadcasts._lingering.values()
    await broadcasts.close()
    assert timer.cancelled()
    assert broadcast._task.done()


async def test_counts_are_read_with_the_key_of_who_gets_them(api: RecordingApi, tmp_path: Path) -> None:
    """The first client of a tenant opens the stream for all. After it left, its key may end before the stream does."""
    first, second = (f"{name}-0123456789abcdef" for name in ("ada", "bob"))
    keys = tmp_path / "keys"
    keys.write_text(f"{first} studio\n{second} studio\n")
    async with running_gateway(api.target, keys) as gateway:
        async with connected(gateway.ws_url, Authorization=f"Bearer {first}") as opens:
            await opens.settle()
        async with connected(gateway.ws_url, Authorization=f"Bearer {second}") as stays:
            await stays.subscribe("queue")
            api.calls.clear()
            api.add_job()
            await stays.receive_type("queue_updated")
            await stays.receive_type("queue_updated")
    counted = [metadata for method, _, metadata in api.calls if method == "SummarizeJobs"]
    assert {metadata["authorization"] for metadata in counted} == {f"Bearer {second}"}


async def test_each_client_is_noted_as_a_reader(gateway: RunningGateway, api: RecordingApi) -> None:
    """Clients share one stream, so the api learns of each of them; numbers of the queue are no texts."""
    job = api.add_job()
    async with connected(gateway.ws_url) as one, connected(gateway.ws_url) as other:
        await one.subscribe("jobs")
        await other.send(type="subscribe", channel=f"job:{job.id}")
        await other.subscribe("queue")
        await until_true(lambda: len(api.requests("NoteLiveRead")) == 2, "both clients are noted")
    assert {request.channel for request in api.requests("NoteLiveRead")} == {"jobs", f"job:{job.id}"}
