"""The gateway behind proxies and prefixes, and for web pages of other origins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kinolog_gateway.app import server_for
from pydantic import ValidationError

from kinolog.process.main import CannotStart
from kinolog.process.settings import GatewaySettings
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import running_gateway
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.test_bad_input import problem_of
from tests.unit.gateway.ws_client import connected

KEY = "ada-0123456789abcdef"
STUDIO = "https://studio.example"
PROXY = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "studio.example, inner.example",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Prefix": "/films/",
}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a key."""
    path = tmp_path / "keys"
    path.write_text(f"{KEY} studio\n")
    return path


async def test_a_trusted_proxy_says_how_clients_see_the_gateway(api: RecordingApi, key_file: Path) -> None:
    """Links, Location and documents have the prefix, also in live messages; a page of the outer host may write."""
    bearer = {"Authorization": f"Bearer {KEY}"}
    async with running_gateway(
        api.target, key_file, gateway_trusted_proxies="10.0.0.0/8, 127.0.0.1"
    ) as gateway:
        headers = PROXY | bearer
        response = await gateway.client.post(
            "/mcp/generate", json={"prompt": "x"}, headers=headers | {"Origin": STUDIO}
        )
        job_id = response.json()["job_id"]
        assert response.headers["location"] == f"/films/api/v1/status/{job_id}"
        assert response.headers["link"] == '</films/api/v1/generate>; rel="successor-version"'
        assert response.json()["job"]["links"]["events"] == f"/films/api/v1/events/{job_id}"
        job = api.commit(canned.completed(api.jobs[job_id], canned.artifact()), "completed")
        result = await gateway.client.get(f"/api/v1/result/{job_id}", headers=headers)
        assert result.json()["links"]["video"] == f"/films/api/v1/result/{job_id}/video"
        async with (
            connected(gateway.ws_url, **headers) as outer,
            connected(gateway.ws_url, **bearer) as inner,
        ):
            for client, prefix in ((outer, "/films"), (inner, "")):
                await client.subscribe("jobs")
                api.commit(job, "completed")
                message = await client.receive_type("job_completed")
                assert message["data"]["job"]["links"]["status"] == f"{prefix}/api/v1/status/{job_id}"
        assert {m["x-kinolog-client-address"] for name, _, m in api.calls if name == "SubmitJob"} == {
            "203.0.113.9"
        }
        document = (await gateway.client.get("/openapi.json", headers=PROXY)).json()
        assert [server["url"] for server in document["servers"]] == ["/films"]
        live = (await gateway.client.get("/asyncapi.json", headers=PROXY)).json()["servers"]["gateway"]
        assert (live["host"], live["protocol"], live["pathname"]) == ("studio.example", "wss", "/films")
        page = (await gateway.client.get("/", headers=PROXY)).text
        assert 'href="/films/docs"' in page
        assert "https://studio.example/films" in page


async def test_a_proxy_makes_nobody_local(api: RecordingApi) -> None:
    """Without keys a client of another machine is refused, whatever host it names; one of this machine is not."""
    async with running_gateway(api.target, gateway_trusted_proxies="127.0.0.1", no_auth=True) as gateway:
        for address in ("203.0.113.9", "127.0.0.1, 203.0.113.9", "no address"):
            headers = {"X-Forwarded-For": address, "X-Forwarded-Host": "localhost"}
            response = await gateway.client.get("/api/v1/jobs", headers=headers)
            assert problem_of(response, 401)["reason"] == "KEY_REQUIRED"
        response = await gateway.client.get("/api/v1/jobs", headers={"X-Forwarded-For": "127.0.0.1"})
        assert response.status_code == 200


async def test_nobody_else_is_believed(api: RecordingApi, key_file: Path) -> None:
    """Headers of a client that is no trusted proxy change nothing; unusable ones of a proxy neither."""
    bearer = {"Authorization": f"Bearer {KEY}"}
    bad = {"X-Forwarded-Prefix": '/a b"<x>', "X-Forwarded-Host": "evil/<x>", "X-Forwarded-Proto": "gopher"}
    for proxies, headers in (("10.0.0.0/8", PROXY), ("127.0.0.0/8", bad), ("", PROXY)):
        async with running_gateway(api.target, key_file, gateway_trusted_proxies=proxies) as gateway:
            assert 'href="/docs"' in (await gateway.client.get("/", headers=headers)).text
            live = (await gateway.client.get("/asyncapi.json", headers=headers)).json()["servers"]["gateway"]
            assert (live["host"], live["protocol"]) == (gateway.url.removeprefix("http://"), "ws")
            response = await gateway.client.post(
                "/api/v1/generate", json={"prompt": "x"}, headers=headers | bearer | {"Origin": STUDIO}
            )
            assert problem_of(response, 403)["reason"] == "FOREIGN_ORIGIN"


async def test_a_prefix_by_setting(api: RecordingApi) -> None:
    """A proxy may leave the prefix in the path or remove it; links have it either way."""
    async with running_gateway(api.target, gateway_path_prefix="/films") as gateway:
        job = api.add_job()
        for prefix in ("/films", ""):
            for root in ("/api/v1", "/mcp"):
                found = await gateway.client.get(f"{prefix}{root}/status/{job.id}")
                assert found.json()["links"]["status"] == f"/films/api/v1/status/{job.id}", prefix + root
        for path in ("/films", "/films/", "/films/health", "/filmshealth"):
            response = await gateway.client.get(path)
            assert response.status_code == (404 if path == "/filmshealth" else 200), path
        async with connected(gateway.ws_url.replace("/ws", "/films/ws")) as client:
            assert await client.settle() == []


async def test_web_pages_of_listed_origins(api: RecordingApi, key_file: Path) -> None:
    """A page of a listed origin may read and write, without ambient credentials; another one may not."""
    async with running_gateway(
        api.target, key_file, gateway_cors_origins=f"{STUDIO}, http://localhost:3000"
    ) as gateway:
        asked = {
            "Origin": STUDIO,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, mcp-session-id",
        }
        allowed = await gateway.client.options("/api/v1/generate", headers=asked)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, STUDIO)
        refused = await gateway.client.options(
            "/api/v1/generate", headers=asked | {"Origin": "https://b.example"}
        )
        assert "access-control-allow-origin" not in refused.headers
        bearer = {"Authorization": f"Bearer {KEY}"}
        for headers, code in (({"Origin": STUDIO} | bearer, 202), ({"Origin": STUDIO}, 401)):
            response = await gateway.client.post("/api/v1/generate", json={"prompt": "x"}, headers=headers)
            assert response.status_code == code
            assert response.headers["access-control-allow-origin"] == STUDIO  # a page can read the problem
            assert "access-control-allow-credentials" not in response.headers
            assert "x-kinolog-position" in response.headers["access-control-expose-headers"].lower()
        other = {"Origin": "https://b.example"} | bearer
        response = await gateway.client.post("/api/v1/generate", json={"prompt": "x"}, headers=other)
        assert problem_of(response, 403)["reason"] == "FOREIGN_ORIGIN"
        async with connected(gateway.ws_url, Origin=STUDIO, **bearer) as client:
            assert await client.settle() == []


async def test_texts_are_compressed_and_files_are_not(api: RecordingApi) -> None:
    """A client that takes gzip gets texts in it; a video, a part of it and short answers stay as they are."""
    async with running_gateway(api.target) as gateway:
        job = api.commit(canned.completed(api.add_job(), canned.artifact()), "completed")
        api.files[job.id, canned.artifact().kind, 0] = canned.VIDEO
        gzip = {"Accept-Encoding": "gzip"}
        text = await gateway.client.get("/asyncapi.json", headers=gzip)
        assert (text.headers["content-encoding"], text.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert text.json()["asyncapi"].startswith("3")
        for path, more in (
            (f"/api/v1/result/{job.id}/video", {}),
            (f"/api/v1/result/{job.id}/video", {"Range": "bytes=5-2000"}),
            ("/health", {}),
        ):
            plain = await gateway.client.get(path, headers=gzip | more)
            assert "content-encoding" not in plain.headers, path
        assert (
            "content-encoding"
            not in (await gateway.client.get("/asyncapi.json", headers={"Accept-Encoding": "br"})).headers
        )


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("gateway_trusted_proxies", "10.0.0.0/8, nobody", "addresses and networks"),
        ("gateway_path_prefix", "films", "pattern"),
        ("gateway_path_prefix", "/films/", "pattern"),
        ("gateway_path_prefix", "/api/films", "path of the gateway's own"),
        ("gateway_cors_origins", "studio.example", "origins such as"),
        ("gateway_cors_origins", f"{STUDIO}/", "origins such as"),
    ],
)
def test_wrong_settings(setting: str, value: str, says: str) -> None:
    """A value that cannot be used is refused at the start."""
    values: dict[str, Any] = {setting: value}
    with pytest.raises(ValidationError, match=says):
        GatewaySettings(**values)


def test_every_page_without_keys_is_refused() -> None:
    """All origins are only for a gateway with keys."""
    with pytest.raises(CannotStart, match="has no keys"):
        server_for(GatewaySettings(gateway_cors_origins=["*"]))
