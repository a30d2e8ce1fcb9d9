"""Server-sent events: the messages of the WebSocket, resumed by the id of the last event."""

from __future__ import annotations

import json

import grpc
import pytest
from kinolog_gateway.event_stream import response
from kinolog_gateway.live import tenant_broadcast

from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.event_source import listening
from tests.unit.gateway.recording_api import RecordingApi, Refusal
from tests.unit.gateway.ws_client import WAIT_SECONDS, Json, connected, positions


def _of_jobs(messages: list[Json]) -> set[str]:
    """Return the content of messages about a job, without the state from which a client starts."""
    return {
        json.dumps([message["type"], message["data"]])
        for message in messages
        if message.get("job_id") and (message["type"] != "job_status_update" or message["position"] > 1)
    }


async def test_the_same_messages_as_the_websocket(gateway: RunningGateway, api: RecordingApi) -> None:
    """Commits, progress, log lines and counts arrive with the text that the WebSocket sends."""
    job = api.add_job()
    job_id = job.id
    channels = ("jobs", "queue", f"job:{job_id}", f"logs:{job_id}")
    async with connected(gateway.ws_url) as socket, listening(gateway.client, *channels) as events:
        for channel in channels:
            await socket.subscribe(channel)
        await events.started()
        await api.wait_for_streams()
        api.add_job()
        api.send_update(log=canned.line(job, 1))
        api.commit(canned.completed(job), "completed")
        for client in (socket, events):
            while not {"job_completed", "job_log_entry"} <= {m["type"] for m in client.received}:
                await client.receive()
    assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert sorted(positions(events.received))[-2:] == [2, 3]
    assert _of_jobs(events.received) == _of_jobs(socket.received)


async def test_ids_never_go_back(gateway: RunningGateway, api: RecordingApi) -> None:
    """A job's state that is read late has an older position. A browser would resume after it, and get commits twice."""
    first, second = api.add_job(), api.add_job()
    async with listening(gateway.client, f"job:{second.id}", f"job:{first.id}") as events:
        await events.receive()
        await events.receive()
    assert positions(events.received) == [2, 1]
    assert events.last_event_id == "2"


async def test_resuming_after_the_last_event(gateway: RunningGateway, api: RecordingApi) -> None:
    """A browser that connects again gets what it missed, then live commits, each once and in order."""
    for _ in range(4):
        api.add_job()
    async with listening(gateway.client, "jobs") as events:
        await events.started()
        api.add_job()
        await events.receive_until(5)
        last = events.last_event_id
    assert last == "5"
    for _ in range(3):
        api.add_job()
    async with listening(gateway.client, "jobs", last_event_id=last, after=1) as events:
        await events.receive_until(8)
        api.add_job()
        await events.receive_until(9)
    assert positions(events.received) == [6, 7, 8, 9]


async def test_a_stream_that_breaks_before_its_first_event(
    gateway: RunningGateway, api: RecordingApi
) -> None:
    """The stream starts with an id, so that what comes while the browser connects again is not missed."""
    api.add_job()
    async with listening(gateway.client, "jobs") as events:
        await events.started()
    assert events.last_event_id == "1"
    api.add_job()
    async with listening(gateway.client, "jobs", last_event_id=events.last_event_id) as events:
        await events.receive_until(2)
    assert positions(events.received) == [2]


async def test_resuming_from_the_api(api: RecordingApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the gateway does not remember is read from the log."""
    monkeypatch.setattr(tenant_broadcast, "LOOK_BACK", 0)
    for _ in range(20):
        api.add_job()
    async with (
        running_gateway(api.target) as gateway,
        listening(gateway.client, "jobs", after=10) as events,
    ):
        await events.receive_until(20)
    assert positions(events.received) == list(range(11, 21))


async def test_an_idle_stream_sends_ids(
    gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of one job has an id of its own while other jobs change, so that resuming reads little."""
    monkeypatch.setattr(response, "KEEP_ALIVE_SECONDS", 0.01)
    job = api.add_job()
    async with listening(gateway.client, f"job:{job.id}") as events:
        await events.receive()
        events.last_event_id = ""
        await events.started()
    assert int(events.last_event_id) >= 1


@pytest.mark.parametrize(
    ("parameters", "header", "field"),
    [
        ({}, "", "channel"),
        ({"channel": "films"}, "", "channel"),
        ({"channel": [f"logs:{'a' * 26}", f"logs:{'b' * 26}"]}, "", "channel"),
        ({"channel": "jobs", "after": -1}, "", "after"),
        ({"channel": "jobs"}, "yesterday", "Last-Event-ID"),
    ],
)
async def test_bad_input(
    gateway: RunningGateway, parameters: dict[str, str | list[str] | int], header: str, field: str
) -> None:
    """A stream that cannot be meant is refused before it starts, with the field."""
    headers = {"Last-Event-ID": header} if header else {}
    response = await gateway.client.get("/api/v1/live", params=parameters, headers=headers)
    assert response.status_code == 400
    assert response.json()["violations"][0]["field"].startswith(field)


async def test_a_job_that_is_not_there(gateway: RunningGateway) -> None:
    """An unknown job is 404, which a browser's EventSource reports. It would repeat a stream that ends."""
    response = await gateway.client.get("/api/v1/live", params={"channel": f"job:{'a' * 26}"})
    assert response.status_code == 404
    assert response.json()["reason"] == "JOB_NOT_FOUND"


async def test_a_position_ahead_of_the_log(gateway: RunningGateway, api: RecordingApi) -> None:
    """After the log was replaced the stream says so, takes back its id and ends: the next one starts from now on."""
    api.add_job()
    async with listening(gateway.client, "jobs", last_event_id="99") as events:
        message = await events.receive()
        assert message["data"]["reason"] == "POSITION_AHEAD"
        assert events.last_event_id == ""
        with pytest.raises(StopAsyncIteration):
            await events.receive()


async def test_a_refused_key(gateway: RunningGateway, api: RecordingApi) -> None:
    """A caller whom the api refuses gets a problem, not a stream."""
    refusal = Refusal(grpc.StatusCode.UNAUTHENTICATED, "KEY_REQUIRED", "send an API key")
    api.failures["SummarizeJobs"] = refusal
    response = await gateway.client.get("/api/v1/live", params={"channel": "jobs"})
    assert response.status_code == 401


async def test_the_gateway_stops(gateway: RunningGateway, api: RecordingApi) -> None:
    """Streams end and WebSockets are closed with the position after which to resume."""
    async with connected(gateway.ws_url) as socket, listening(gateway.client, "jobs") as events:
        await socket.subscribe("jobs")
        await events.started()
        api.add_job()
        await socket.receive_until(1)
        await events.receive_until(1)
        await gateway.state.broadcasts.close_clients(WAIT_SECONDS)
        with pytest.raises(StopAsyncIteration):
            await events.receive()
        await socket.socket.wait_closed()
        async with connected(gateway.ws_url) as late:
            await late.socket.wait_closed()
    assert [s.socket.close_code for s in (socket, late)] == [1012, 1012]
    assert socket.socket.close_reason == "the gateway stops; resume after 1"
