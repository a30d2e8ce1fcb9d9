"""The earlier paths of the REST routes."""

from __future__ import annotations

from fastapi.routing import APIRoute
from kinolog_gateway.http.edge.path_aliases import API_PREFIX
from kinolog_gateway.web_app import ROUTERS

from kinolog.process.settings import GATEWAY_PATHS
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi

JOB_IDS = ("job_id", "video_id", "prediction_id", "request_id")
VALUES = dict.fromkeys(JOB_IDS, "z" * 26) | {
    "index": "0",
    "number": "1",
    "level": "0",
    "tile": "0",
    "position": "1",
    "old_size": "3",
    "export_format": "gif",
    "model": "kinolog-tiny",
    "character_id": "c",
    "key_id": "a" * 12,
    "schedule_id": "sch_" + "a" * 16,
    "verification_id": "v" * 26,
    "batch": "3",
    "webhook_id": "wh_" + "a" * 16,
    "delivery_id": "dlv_" + "a" * 26,
    "owner": "kinolog",
    "name": "default",
    "version": "v1",
    "parent": "publishers/google",
    "app": "fal-ai/default",
}
ADDED = {"deprecation", "link"}


def served_routes() -> list[tuple[str, str]]:
    """Return method and path of every route."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return sorted((method, route.path_format) for route in routes for method in route.methods or ())


async def test_every_route_answers_under_its_earlier_path(gateway: RunningGateway) -> None:
    """Each alias reaches the same route, and says that it is deprecated and what follows it."""
    routes = [(method, path) for method, path in served_routes() if path.startswith(f"{API_PREFIX}/")]
    assert len(routes) > 30
    for method, path in routes:
        now = path.format_map(VALUES)
        earlier = now.replace(API_PREFIX, "/mcp", 1)
        new, old = [await gateway.client.request(method, where) for where in (now, earlier)]
        assert (old.status_code, old.content) == (new.status_code, new.content), path
        assert set(old.headers) - set(new.headers) == ADDED, path
        assert old.headers["deprecation"] == "@1795824000", path
        assert old.headers["link"] == f'<{now}>; rel="successor-version"', path
    page = (await gateway.client.get("/metrics")).text
    assert 'route="/api/v1/status/{job_id}"' in page
    assert "/mcp" not in page


def test_no_prefix_of_a_proxy_is_one_of_a_route() -> None:
    """The setting of the prefix refuses what paths of routes begin with, so that no route is out of reach."""
    beginnings = {path.split("/")[1] for _, path in served_routes()}
    assert {each for each in beginnings if each.isalnum()} <= set(GATEWAY_PATHS)


async def test_an_alias_takes_query_and_body(gateway: RunningGateway, api: RecordingApi) -> None:
    """Query and body of a request arrive; the response names the new paths."""
    response = await gateway.client.post("/mcp/generate", json={"prompt": "x"})
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/status/{response.json()['job_id']}"
    await gateway.client.get("/mcp/jobs?limit=3")
    assert api.requests("ListJobs")[0].page_size == 3


async def test_what_no_route_answers_has_no_second_path(gateway: RunningGateway) -> None:
    """An unknown path cannot leave its alias, and nothing of it is quoted bare in a header."""
    for path in ("/mcp/..%2F..%2Fhealth", "/mcp/a%22%3E%3B%20b", "/mcp/%C3%BC%0A"):
        response = await gateway.client.get(path)
        assert response.status_code == 404
        link = response.headers["link"]
        assert link.startswith("</api/v1/")
        assert link.isascii()
        assert (link.count(">"), link.count('"')) == (1, 2)


async def test_a_line_break_ends_no_path(gateway: RunningGateway, api: RecordingApi) -> None:
    """Patterns of routes ignore one at the end of a path, which checks by path would miss."""
    for path in ("/api/v1/live%0A?channel=jobs", "/api/v1/jobs%0A", "/mcp/jobs%0A", "/metrics%0A"):
        response = await gateway.client.get(path)
        assert (response.status_code, response.json()["reason"]) == (404, "ROUTE_NOT_FOUND"), path
    assert (await gateway.client.post("/mcp%0A", content=b"x" * 2_000)).status_code == 404
    assert not api.calls
