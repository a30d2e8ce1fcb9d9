"""Tickets and keys of browsers: links of files, and subprotocols of the WebSocket."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from kinolog_gateway.http.edge.browser_credentials import offered_key, take_link_ticket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.event_source import listening
from tests.unit.gateway.recording_api import RecordingApi, Refusal
from tests.unit.gateway.test_bad_input import problem_of

KEY = "ada-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {KEY}"}
REFUSED = Refusal(grpc.StatusCode.UNAUTHENTICATED, "TICKET_REFUSED", "this ticket was used before")


@pytest.fixture
async def locked(api: RecordingApi, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that requires a key."""
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY} studio\n")
    async with running_gateway(api.target, keys) as gateway:
        yield gateway


def handshake(url: str, *offered: str, origin: str | None = None) -> connect:
    """Return a connection that offers these subprotocols, as a browser's does."""
    return connect(
        url,
        subprotocols=[Subprotocol(name) for name in offered] or None,
        origin=None if origin is None else Origin(origin),
        proxy=None,
    )


def job_with_files(api: RecordingApi) -> pb.Job:
    """Return a job that has one file of each kind."""
    job = canned.completed(
        canned.started(api.add_job()), canned.artifact(), canned.artifact(pb.ARTIFACT_KIND_THUMBNAIL)
    )
    job.scenes[0].artifact.CopyFrom(canned.artifact(pb.ARTIFACT_KIND_SCENE))
    job.inputs.add(role=1, media_type="image/png", size_bytes=len(canned.VIDEO), sha256=canned.HASH)
    for kind in (
        pb.ARTIFACT_KIND_VIDEO,
        pb.ARTIFACT_KIND_THUMBNAIL,
        pb.ARTIFACT_KIND_SCENE,
        pb.ARTIFACT_KIND_INPUT,
    ):
        api.files[job.id, kind, 0] = canned.VIDEO
    return api.commit(job, "completed")


async def test_links_read_the_files_of_a_job(locked: RunningGateway, api: RecordingApi) -> None:
    """The links of a ticket need no key. Their requests reach the api with it, and ask for nothing but files."""
    job = job_with_files(api)
    response = await locked.client.post("/api/v1/tickets", json={"job_id": job.id}, headers=BEARER)
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert (body["reads"], body["job_id"], body["subprotocols"]) == ("files", job.id, None)
    links = body["links"]
    assert links["video"] == f"/api/v1/result/{job.id}/video?ticket=kinot1.files"
    assert (links["preview"], len(links["scenes"]), len(links["inputs"])) == (None, 1, 1)
    api.calls.clear()
    for link in (links["video"], links["thumbnail"], *links["scenes"], *links["inputs"]):
        whole = await locked.client.get(link)
        assert (whole.status_code, whole.content) == (200, canned.VIDEO), link
        part = await locked.client.get(link, headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, canned.VIDEO[5:10])
        assert (await locked.client.head(link)).headers["content-length"] == str(len(canned.VIDEO))
    for method in ("GET", "HEAD"):
        export = f"/api/v1/result/{job.id}/export/gif?ticket=kinot1.files"
        assert (await locked.client.request(method, export)).status_code == 200
    assert {method for method, _, _ in api.calls} == {"ReadArtifact", "ExportVideo"}
    assert {metadata["authorization"] for _, _, metadata in api.calls} == {"Bearer kinot1.files"}
    signed = await locked.client.get(f"/api/v1/result/{job.id}?signed_links=true", headers=BEARER)
    assert signed.json()["links"]["video"] == links["video"]
    assert "ticket" not in signed.json()["links"]["manifest"]


async def test_a_ticket_counts_for_files_only(locked: RunningGateway, api: RecordingApi) -> None:
    """Elsewhere it is no key, in the query or in a header; nor is anything else in a query."""
    job = job_with_files(api)
    ticket = {"Authorization": "Bearer kinot1.files"}
    for path in (f"/api/v1/status/{job.id}", "/metrics", "/api/v1/jobs", f"/api/v1/result/{job.id}"):
        problem_of(await locked.client.get(path, headers=ticket), 401)
        problem_of(await locked.client.get(f"{path}?ticket=kinot1.files"), 401)
    problem_of(await locked.client.post("/api/v1/tickets", json={}, headers=ticket), 401)
    problem_of(await locked.client.get(f"/api/v1/result/{job.id}/video?ticket={KEY}"), 401)
    problem_of(await locked.client.get(f"/api/v1/result/{job.id}/video"), 401)
    api.failures["ReadArtifact"] = REFUSED
    response = await locked.client.get(f"/api/v1/result/{job.id}/video?ticket=kinot1.files")
    assert problem_of(response, 401)["reason"] == "TICKET_REFUSED"


async def test_a_websocket_by_subprotocol(locked: RunningGateway, api: RecordingApi) -> None:
    """A browser offers its key, or a ticket that is exchanged for a credential. The gateway selects `kinolog`."""
    response = await locked.client.post("/api/v1/tickets", json={"valid_seconds": 20}, headers=BEARER)
    body = response.json()
    assert (body["reads"], body["job_id"], body["links"]) == ("live", None, None)
    assert api.requests("CreateLiveTicket")[0].valid_seconds == 20
    problem_of(await locked.client.post("/api/v1/tickets", json={"valid_seconds": True}, headers=BEARER), 400)
    for offered in (body["subprotocols"], ["kinolog", f"kinolog.key.{KEY}"]):
        async with handshake(locked.ws_url, *offered, origin=locked.url) as socket:
            assert socket.subprotocol == "kinolog"
            assert socket.response is not None
            assert offered[1] not in str(socket.response.headers)
            await socket.send('{"type": "ping"}')
            assert '"pong"' in str(await socket.recv())
            await api.wait_for_streams()
    assert [request.ticket for request in api.requests("RedeemTicket")] == ["kinot1.live"]
    used = {metadata.get("authorization") for method, _, metadata in api.calls if method == "WatchJobs"}
    assert used == {"Bearer kinot1.connection"}, "one broadcast for the tenant, by the first of its callers"
    api.failures["RedeemTicket"] = REFUSED
    for wrong in (body["subprotocols"], ["kinolog", "kinolog.key.wrong-0123456789abcdef"], ["kinolog"], []):
        with pytest.raises(InvalidStatus) as refused:
            async with handshake(locked.ws_url, *wrong):
                pass
        assert refused.value.response.status_code == 401


async def test_a_ticket_opens_a_stream_of_events(locked: RunningGateway, api: RecordingApi) -> None:
    """A browser's EventSource sends no header: its link has the ticket, which opens one stream."""
    async with listening(locked.client, "jobs", ticket="kinot1.live") as events:
        await events.started()
        job = api.add_job()
        assert (await events.receive())["job_id"] == job.id
    assert [request.ticket for request in api.requests("RedeemTicket")] == ["kinot1.live"]
    api.failures["RedeemTicket"] = REFUSED
    response = await locked.client.get("/api/v1/live?channel=jobs&ticket=kinot1.live")
    assert problem_of(response, 401)["reason"] == "TICKET_REFUSED"


async def test_head_of_a_stream_redeems_no_ticket(locked: RunningGateway, api: RecordingApi) -> None:
    """HEAD opens no connection: a ticket, which opens one, is not spent on it. With a key it answers like GET."""
    path = "/api/v1/live?channel=jobs"
    refused = await locked.client.head(f"{path}&ticket=kinot1.live")
    assert (refused.status_code, refused.content) == (401, b"")
    assert not api.requests("RedeemTicket")
    head = await locked.client.head(path, headers=BEARER)
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


async def test_a_connection_ends_with_the_key_of_its_ticket(
    locked: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The api is asked whether what a ticket was exchanged for still counts."""
    monkeypatch.setattr("kinolog_gateway.live.session.KEY_CHECK_SECONDS", 0.01)
    monkeypatch.setattr("kinolog_gateway.http.callers.REMEMBERED_SECONDS", 0.0)
    async with handshake(locked.ws_url, "kinolog", "kinolog.key.kinot1.live") as socket:
        await socket.send('{"type": "ping"}')
        await socket.recv()
        api.failures["WhoAmI"] = REFUSED
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code == 1008


async def test_no_log_has_a_key_or_ticket(
    locked: RunningGateway, api: RecordingApi, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a line about a refused request, nor in one about a connection."""
    caplog.set_level(logging.INFO)
    job = job_with_files(api)
    await locked.client.get(f"/api/v1/result/{job.id}/video?ticket=kinot1.files")
    api.failures["ReadArtifact"] = api.failures["RedeemTicket"] = REFUSED
    await locked.client.get(f"/api/v1/result/{job.id}/video?ticket=kinot1.files")
    async with handshake(f"{locked.ws_url}?api_key={KEY}", "kinolog", f"kinolog.key.{KEY}"):
        pass
    for offered in ("kinolog.key.kinot1.live", "kinolog.key.wrong-0123456789abcdef"):
        with pytest.raises(InvalidStatus):
            async with handshake(locked.ws_url, "kinolog", offered):
                pass
    ours = "\n".join(
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("websockets", "httpx"))
    )
    assert "this ticket was used before" in ours
    for secret in (KEY, "kinot1.", "wrong-0123456789abcdef"):
        assert secret not in ours


async def test_what_metadata_cannot_hold_is_no_key(locked: RunningGateway, api: RecordingApi) -> None:
    """A key or ticket with such characters, or a very long one, is refused without a call to the api."""
    for text in ("kinot1.%C3%BC", "kinot1.%0A", "kinot1.a%09b", f"kinot1.{'a' * 9_000}"):
        for path in (f"/api/v1/result/{'z' * 26}/video?", "/api/v1/live?channel=jobs&"):
            response = await locked.client.get(f"{path}ticket={text}")
            assert (response.status_code, problem_of(response, 401)["reason"]) == (401, "KEY_REQUIRED"), text
    assert not api.calls


def test_what_a_query_and_a_handshake_hold() -> None:
    """The ticket leaves the query, whatever else is in it; a handshake without a key has none."""
    scope: dict[str, Any] = {"query_string": b"a=1&ticket=kinot1.x&b=%C3%BC&ticket=kinot1.y"}
    assert take_link_ticket(scope) == "kinot1.x"
    assert scope["query_string"] == b"a=1&b=%C3%BC"
    assert take_link_ticket({"query_string": b"ticket="}) is None
    assert offered_key({"subprotocols": ["kinolog", "kinolog.key."]}) is None
    assert offered_key({}) is None
