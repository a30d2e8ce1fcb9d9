"""Keys, hosts and metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_gateway.http.credentials import ApiKeys, HttpCaller, keys_for, presented_key
from websockets.exceptions import InvalidStatus

from kinolog.process.api_keys import InvalidKeyFile, read_keys
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.test_bad_input import problem_of
from tests.unit.gateway.ws_client import connected

ADA, BOB = "ada-0123456789abcdef", "bob-0123456789abcdef"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with two keys of different tenants."""
    path = tmp_path / "keys"
    path.write_text(f"# accepted keys\n{ADA} studio ada\n\n{BOB} lab  # the night shift\n")
    return path


async def test_a_key_opens_every_route(api: RecordingApi, key_file: Path) -> None:
    """With keys, a request needs one of them, in either header; the gateway passes it on to the api."""
    async with running_gateway(api.target, key_file) as gateway:
        response = await gateway.client.get("/api/v1/models")
        assert problem_of(response, 401)["reason"] == "KEY_REQUIRED"
        assert response.headers["www-authenticate"] == "Bearer"
        for headers in (
            {"Authorization": f"Bearer {ADA}"},
            {"X-API-Key": ADA},
            {"authorization": f"bearer  {ADA}"},
        ):
            assert (await gateway.client.get("/api/v1/models", headers=headers)).status_code == 200
        for wrong in ("Bearer nothing", f"Basic {ADA}", f"Bearer {ADA}x", "Bearer"):
            problem_of(await gateway.client.get("/api/v1/models", headers={"Authorization": wrong}), 401)
        problem_of(await gateway.client.get("/api/v1/nothing"), 401)
        problem_of(await gateway.client.get("/metrics"), 401)
        for path in ("/health", "/ready", "/openapi.json", "/asyncapi.json"):
            assert (await gateway.client.get(path)).status_code == 200
    with_key = [metadata for method, _, metadata in api.calls if method != "ListAlarms"]  # of the probe
    assert {metadata["authorization"] for metadata in with_key} == {f"Bearer {ADA}"}


async def test_a_key_opens_the_websocket(api: RecordingApi, key_file: Path) -> None:
    """The handshake needs a key too; clients of one tenant share a stream, those of another have their own."""
    async with running_gateway(api.target, key_file) as gateway:
        with pytest.raises(InvalidStatus) as refused:
            async with connected(gateway.ws_url):
                pass
        assert refused.value.response.status_code == 401
        async with (
            connected(gateway.ws_url, Authorization=f"Bearer {ADA}") as first,
            connected(gateway.ws_url, **{"X-API-Key": ADA}) as second,
            connected(gateway.ws_url, Authorization=f"Bearer {BOB}") as other,
        ):
            for client in (first, second, other):
                await client.subscribe("jobs")
            await api.wait_for_streams(2)


async def test_other_host_names(gateway: RunningGateway) -> None:
    """Without keys, the gateway serves only the host names of this machine."""
    for host in ("elsewhere.example", "10.0.0.1:8085", "[::2]", "["):
        response = await gateway.client.get("/health", headers={"Host": host})
        assert problem_of(response, 403)["reason"] == "FOREIGN_HOST"
    for host in ("localhost", "127.0.0.1:9", "[::1]:8085", "LOCALHOST:1"):
        assert (await gateway.client.get("/health", headers={"Host": host})).status_code == 200


async def test_commands_from_other_pages(gateway: RunningGateway, api: RecordingApi) -> None:
    """A command that a foreign web page sends is refused; there is no CORS."""
    job = api.add_job()
    for origin in ("https://elsewhere.example", "null"):
        response = await gateway.client.post(f"/api/v1/cancel/{job.id}", headers={"Origin": origin})
        assert problem_of(response, 403)["reason"] == "FOREIGN_ORIGIN"
    response = await gateway.client.post(f"/api/v1/cancel/{job.id}", headers={"Origin": gateway.url})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


async def test_metrics(gateway: RunningGateway, api: RecordingApi) -> None:
    """Requests are counted by route template; no id and no prompt becomes a label."""
    job = api.add_job()
    await gateway.client.get(f"/api/v1/status/{job.id}")
    await gateway.client.get("/api/v1/nothing")
    await gateway.client.request("PROPFIND", "/api/v1/jobs")
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        page = (await gateway.client.get("/metrics")).text
    assert (
        'kinolog_gateway_requests_total{method="GET",route="/api/v1/status/{job_id}",status="200"} 1.0'
        in page
    )
    assert 'route="unmatched",status="404"' in page
    assert 'method="OTHER"' in page
    assert "kinolog_gateway_websocket_clients 1.0" in page
    assert "kinolog_gateway_websocket_messages_total 1.0" in page
    assert 'kinolog_gateway_request_seconds_count{method="GET",route="/api/v1/status/{job_id}"} 1.0' in page
    assert job.id not in page


def test_other_addresses_need_keys(key_file: Path) -> None:
    """An address that other machines can reach needs a key file; loopback does not."""
    with pytest.raises(InvalidKeyFile, match="KINOLOG_API_KEY_FILE"):
        keys_for("0.0.0.0", None)
    with pytest.raises(InvalidKeyFile):
        keys_for("gateway.example", None)
    assert not keys_for("127.0.0.1", None)
    assert keys_for("0.0.0.0", key_file)


def test_the_tenant_of_a_key(key_file: Path) -> None:
    """A key belongs to its tenant; callers of one tenant have equal tenant keys."""
    keys = ApiKeys(read_keys(key_file))
    ada = keys.identify(ADA)
    assert ada == HttpCaller(key=ADA, tenant="studio")
    assert keys.identify(None) is None
    assert keys.identify(ADA[:-1]) is None
    assert HttpCaller(key="another key", tenant="studio").tenant_key == ada.tenant_key
    assert HttpCaller(key="k1").tenant_key != HttpCaller(key="k2").tenant_key


def test_keys_that_are_no_header_text() -> None:
    """A key that no header can carry is no key."""
    assert presented_key({"x-api-key": "ключ"}) is None
    assert presented_key({"authorization": "Bearer "}) is None
    assert presented_key({}) is None
