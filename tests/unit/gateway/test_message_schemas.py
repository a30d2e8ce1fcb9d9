"""Every message that a real gateway sends over the WebSocket fits the AsyncAPI document, its position included."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from kinolog_gateway.live import subscriber as live_subscriber
from kinolog_gateway.websocket.asyncapi import asyncapi_document
from websockets.exceptions import ConnectionClosed

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.schemas import schema_validator
from tests.unit.gateway.ws_client import Json, WsClient, connected

PAGE = Path(__file__).parents[3] / "docs" / "websocket.md"
REPLIES = ("error", "pong")


def server_messages() -> dict[str, str]:
    """Return the schema reference of every message that the gateway sends, by type."""
    document = asyncapi_document()
    names = [
        reference["$ref"].rsplit("/", 1)[1]
        for reference in document["operations"]["sendToClient"]["messages"]
    ]
    return {name: document["components"]["messages"][name]["payload"]["$ref"] for name in names}


def check(messages: list[Json]) -> None:
    """Check that each message of a connection fits its schema, and that replies repeat the position before them."""
    schemas, before = server_messages(), 0
    for message in messages:
        schema_validator(asyncapi_document(), schemas[message["type"]]).validate(message)
        if message["type"] in REPLIES:
            assert message["position"] == before, message
        before = message["position"]


def schema(reference: str) -> dict[str, Any]:
    """Return the schema that a reference points to."""
    found: dict[str, Any] = asyncapi_document()["components"]["schemas"][reference.rsplit("/", 1)[1]]
    return found


def test_every_message_requires_a_position() -> None:
    """The schema of every server message requires a position of at least 0 and describes it."""
    for name, reference in server_messages().items():
        assert "position" in schema(reference)["required"], name
        position = schema(reference)["properties"]["position"]
        assert (position["type"], position["minimum"]) == ("integer", 0), name
        assert position["description"], name


def test_the_page_names_every_message() -> None:
    """docs/websocket.md names every message, and describes the position of each server message."""
    page = PAGE.read_text()
    table = page.partition("## What `position` means")[2].partition("\n## ")[0]
    for name in asyncapi_document()["components"]["messages"]:
        assert re.search(rf"`{name}`|\"type\": \"{name}\"", page), name
    for name in server_messages():
        assert f"`{name}`" in table, name


async def _receive_updates(client: WsClient, api: RecordingApi) -> None:
    """Have the gateway send every type of message about jobs."""
    job = canned.started(api.add_job())
    await client.subscribe("jobs")
    await client.subscribe("queue")
    await api.wait_for_streams()
    api.commit(job, "attempt_started")
    await client.subscribe(f"job:{job.id}")
    await client.subscribe(f"logs:{job.id}")
    api.send_update(progress=canned.progress(job, 3))
    while (await client.receive_type("job_status_update"))["data"]["step"] is None:
        pass
    api.send_update(preview=canned.preview(job, 1))
    await client.receive_type("job_preview")
    api.send_update(log=canned.line(job, 1))
    await client.receive_type("job_log_entry")
    api.commit(canned.completed(job), "completed")
    await client.receive_type("job_completed")
    api.commit(canned.failed(api.add_job()), "failed")
    await client.receive_type("job_failed")
    cancelled = api.add_job()
    cancelled.status = pb.STATUS_CANCELLED
    api.commit(cancelled, "cancelled")
    await client.receive_type("job_cancelled")
    await client.receive_type("queue_updated")


async def test_every_type_of_message(gateway: RunningGateway, api: RecordingApi) -> None:
    """Each type is received and fits its schema; errors and pongs before the first update have position 0."""
    async with connected(gateway.ws_url) as client:
        await client.send(type="ping")
        await client.send(type="nonsense")
        await client.send(type="subscribe", channel="job:" + "a" * 26)
        for _ in range(3):
            assert (await client.receive())["position"] == 0
        await _receive_updates(client, api)
        await client.settle()
        await client.send(type="nonsense")
        await client.receive_type("error")
    check(client.received)
    assert {message["type"] for message in client.received} == set(server_messages())


async def test_every_error(
    gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each path that sends an error sends one that fits its schema."""
    monkeypatch.setattr(live_subscriber, "MAX_SUBSCRIPTIONS", 2)
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        await client.receive_until(api.add_job().position)
        await client.socket.send(b"\x00")
        await client.send(type="subscribe", channel="job:" + "a" * 26)
        await client.receive_type("error")
        await client.receive_type("error")
        await client.send(type="subscribe", channel="jobs", after=10**9)
        await client.receive_type("error")
        for channel in ("jobs", "queue", "logs:" + "a" * 26):
            await client.send(type="subscribe", channel=channel)
        await client.receive_type("error")
        await api.stop()
        await client.receive_type("error")
        await api.start()
    check(client.received)
    reasons = {message["data"]["reason"] for message in client.received if message["type"] == "error"}
    assert reasons == {
        "MALFORMED_MESSAGE",
        "JOB_NOT_FOUND",
        "POSITION_AHEAD",
        "TOO_MANY_SUBSCRIPTIONS",
        "API_UNAVAILABLE",
    }


async def test_an_update_that_cannot_be_shown(gateway: RunningGateway, api: RecordingApi) -> None:
    """An update with a status that this gateway does not know becomes an error with the update's position."""
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        strange = api.add_job(status=99)
        message = await client.receive()
        assert (message["type"], message["data"]["reason"]) == ("error", "CANNOT_BE_SHOWN")
        assert message["position"] == strange.position
        last = await client.receive_until(api.add_job().position)
    assert last[-1]["type"] == "job_status_update"


async def test_a_close_is_no_message(gateway: RunningGateway, api: RecordingApi) -> None:
    """A connection that the gateway ends brings a close code and reason, and no message without a position."""
    for _ in range(3):
        api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs", after=0)
        await client.receive_until(3)
        await api.stop()
        api.position = 0
        api.log.clear()
        api.jobs.clear()
        await api.start()
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive_all()
    check(client.received)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
        1012,
        "the log was replaced; subscribe again without after",
    )
