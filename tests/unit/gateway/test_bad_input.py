"""Wrong requests: each gets a problem that names the field, and the api receives nothing."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from typing import Any

import pytest

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi

SECRET = "a private prompt that no text may repeat"
ID = "a" * 26

PARTS = defaultdict(
    lambda: ID, app="kinolog-tiny", owner="kinolog", name="kinolog-tiny", model="kinolog-tiny"
)
"""Values for the parts of paths."""
_OPERATION = "projects/p/locations/l/publishers/google/models/kinolog-tiny/operations/" + ID
WHOLE_BODIES: dict[str, dict[str, Any]] = {
    "/v1/videos/edits": {"video": {"id": ID}, "prompt": "x"},
    "/v1/videos/extensions": {"video": {"id": ID}, "prompt": "x"},
    "/replicate/v1/models/{owner}/{name}/predictions": {"input": {"prompt": "x"}},
    "/replicate/v1/predictions": {"version": "kinolog-tiny", "input": {"prompt": "x"}},
    "/veo/{version}/{parent}/models/{model}:predictLongRunning": {"instances": [{"prompt": "x"}]},
    "/veo/{version}/{parent}/models/{model}:fetchPredictOperation": {"operationName": _OPERATION},
}
"""Bodies of routes that look for other wrong fields first, by path."""

BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": " \n\t "}, "prompt"),
    ({"prompt": "x" * 10_000}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": None}, "prompt"),
    ({"prompt": "nul \0"}, "prompt"),
    ({"prompt": SECRET, "duration": 0}, "duration"),
    ({"prompt": SECRET, "duration": -1}, "duration"),
    ({"prompt": SECRET, "duration": 1e9}, "duration"),
    ({"prompt": SECRET, "duration": "2"}, "duration"),
    ({"prompt": SECRET, "duration": True}, "duration"),
    ({"prompt": SECRET, "priority": "urgent"}, "priority"),
    ({"prompt": SECRET, "priority": 1}, "priority"),
    ({"prompt": SECRET, "style": ""}, "style"),
    ({"prompt": SECRET, "style": "x" * 51}, "style"),
    ({"prompt": SECRET, "size": "big"}, "size"),
    ({"prompt": SECRET, "size": "15x64"}, "size"),
    ({"prompt": SECRET, "size": "9000x64"}, "size"),
    ({"prompt": SECRET, "fps": 0}, "fps"),
    ({"prompt": SECRET, "fps": 24.5}, "fps"),
    ({"prompt": SECRET, "steps": 1001}, "steps"),
    ({"prompt": SECRET, "steps": True}, "steps"),
    ({"prompt": SECRET, "guidance": 101}, "guidance"),
    ({"prompt": SECRET, "seed": -1}, "seed"),
    ({"prompt": SECRET, "seed": 2**63}, "seed"),
    ({"prompt": SECRET, "request_id": "no spaces"}, "request_id"),
    ({"prompt": SECRET, "request_id": "x" * 129}, "request_id"),
    ({"prompt": SECRET, "webhook": "ftp://example.org"}, "webhook"),
    ({"prompt": SECRET, "max_attempts": 11}, "max_attempts"),
    ({"prompt": SECRET, "duration": 1, "frames": 8}, "frames"),
    ({"prompt": SECRET, "codec": "vp9"}, "codec"),
    ({"prompt": SECRET, "upscaler": 3}, "upscaler"),
    ({"prompt": SECRET, "crf": 0}, "crf"),
    ({"prompt": SECRET, "crf": 64}, "crf"),
    ({"prompt": SECRET, "start_after": "2026-12-24T22:00:00"}, "start_after"),
    ({"prompt": SECRET, "start_after": 1_900_000_000}, "start_after"),
    ({"prompt": SECRET, "start_timeout_seconds": 0}, "start_timeout_seconds"),
    ({"prompt": SECRET, "title": ""}, "title"),
    ({"prompt": SECRET, "title": "two\nlines"}, "title"),
    ({"prompt": SECRET, "colour": "red"}, "colour"),
    ({"prompt": SECRET, "loras": [{"name": ""}]}, "loras[0].name"),
    ({"prompt": SECRET, "profile": "x" * 21}, "profile"),
    ({"prompt": SECRET, "loras": [{"name": "ink"}, {"name": "oil", "weight": 4.1}]}, "loras[1].weight"),
    ({"prompt": SECRET, "loras": [{"name": "ink", "weight": "1"}]}, "loras[0].weight"),
    ({"prompt": SECRET, "loras": [{"name": "ink"}] * 9}, "loras"),
    ({"prompt": SECRET, "shots": "two"}, "shots"),
    ({"prompt": SECRET, "shots": "one", "scenes": [{"prompt": SECRET}]}, "scenes"),
    ({"scenes": []}, "scenes"),
    ({"prompt": SECRET, "scenes": []}, "scenes"),
    ({"scenes": [{"prompt": SECRET}] * 33}, "scenes"),
    ({"scenes": {"prompt": SECRET}}, "scenes"),
    ({"scenes": [SECRET]}, "scenes[0]"),
    ({"scenes": [{}]}, "scenes[0].prompt"),
    ({"scenes": [{"prompt": SECRET}, {"prompt": " "}]}, "scenes[1].prompt"),
    ({"scenes": [{"prompt": "x" * 4_001}]}, "scenes[0].prompt"),
    ({"scenes": [{"prompt": SECRET, "duration": 0}]}, "scenes[0].duration"),
    ({"scenes": [{"prompt": SECRET, "duration": 601}]}, "scenes[0].duration"),
    ({"scenes": [{"prompt": SECRET}, {"prompt": SECRET, "seed": -1}]}, "scenes[1].seed"),
    ({"scenes": [{"prompt": SECRET}, {"prompt": SECRET, "transition": "wipe"}]}, "scenes[1].transition"),
    ({"scenes": [{"prompt": SECRET, "length": 2}]}, "scenes[0].length"),
    ({"scenes": [{"prompt": SECRET}], "prompt": " "}, "prompt"),
]

QUERIES = [
    ("/api/v1/jobs?limit=0", "limit"),
    ("/api/v1/jobs?limit=101", "limit"),
    ("/api/v1/jobs?limit=ten", "limit"),
    ("/api/v1/jobs?offset=-1", "offset"),
    ("/api/v1/jobs?sort=colour", "sort"),
    ("/api/v1/jobs?order=up", "order"),
    ("/api/v1/jobs?status=done", "status[0]"),
    ("/api/v1/jobs?status=queued,done", "status[1]"),
    ("/api/v1/jobs?priority=urgent", "priority[0]"),
    ("/api/v1/jobs?date_range=yesterday", "date_range"),
    ("/api/v1/jobs?from=yesterday", "from"),
    ("/api/v1/jobs?from=2026-11-22", "from"),
    ("/api/v1/jobs?from=1700000000", "from"),
    ("/api/v1/jobs?from=2026-11-22T10:00:00Z&to=2026-11-21T10:00:00Z", "to"),
    ("/api/v1/jobs?from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z", "to"),
    ("/api/v1/jobs?date_range=today&from=2026-11-22T10:00:00Z", "from"),
    ("/api/v1/jobs?cursor=abc&offset=5", "cursor"),
    ("/api/v1/jobs?min_position=-1", "min_position"),
    ("/api/v1/jobs?page=2", "page"),
    (f"/api/v1/jobs?text={'x' * 201}", "text"),
    ("/api/v1/status/short", "job_id"),
    (f"/api/v1/status/{'A' * 26}", "job_id"),
    (f"/api/v1/status/{ID}?min_position=x", "min_position"),
    ("/api/v1/result/short/video", "job_id"),
    (f"/api/v1/result/{ID}/scenes/-1", "index"),
    (f"/api/v1/logs/{ID}?limit=1001", "limit"),
    (f"/api/v1/logs/{ID}?after=-1", "after"),
    (f"/api/v1/logs/{ID}?level=loud", "level"),
    (f"/api/v1/events/{ID}?as_of=once", "as_of"),
    (f"/api/v1/events/{ID}?as_of=2026-11-22T10:00:00", "as_of"),
    (f"/api/v1/events/{ID}?as_of={'9' * 30}", "as_of"),
    ("/api/v1/analytics/trends?bucket_seconds=-1", "bucket_seconds"),
    ("/api/v1/analytics/overview?from=2026-11-22T10:00:00Z&to=2026-11-21T10:00:00Z", "to"),
    ("/api/v1/activity?limit=101", "limit"),
    ("/api/v1/activity?before=-1", "before"),
    ("/api/v1/keys?tenant=a%20b", "tenant"),
    ("/api/v1/webhooks?tenant=*", "tenant"),
    ("/api/v1/webhooks/short/secret", "webhook_id"),
]

BULKS: list[tuple[dict[str, Any], str]] = [
    ({"action": "explode", "job_ids": [ID]}, "action"),
    ({"action": "cancel"}, "job_ids"),
    ({"action": "cancel", "job_ids": []}, "job_ids"),
    ({"action": "cancel", "job_ids": [ID, "short"]}, "job_ids[1]"),
    ({"action": "cancel", "job_ids": [ID] * 1001}, "job_ids"),
    ({"action": "cancel", "job_ids": [ID], "filter": {"status": ["queued"]}}, "filter"),
    ({"action": "cancel", "filter": {}}, "filter"),
    ({"action": "cancel", "filter": {"status": ["done"]}}, "filter.status[0]"),
    (
        {"action": "cancel", "filter": {"from": "2026-11-22T10:00:00Z", "to": "2020-01-01T00:00:00Z"}},
        "filter.to",
    ),
    ({"action": "reprioritize", "job_ids": [ID]}, "priority"),
    ({"action": "retry", "job_ids": [ID], "priority": "high"}, "priority"),
    ({"action": "retry", "job_ids": [ID], "reason": "because"}, "reason"),
]


def problem_of(response: Any, status: int = 400) -> dict[str, Any]:
    """Return the problem in a response, after checking its form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "reason", "violations"}
    assert problem["status"] == status
    assert problem["detail"]
    assert SECRET not in response.text
    return problem


def fields_of(problem: dict[str, Any]) -> list[str]:
    """Return the fields that a problem names."""
    return [violation["field"] for violation in problem["violations"]]


async def test_bodies_of_generate(
    gateway: RunningGateway, api: RecordingApi, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong field of a submission is named, nothing is submitted, and nothing of the body is logged."""
    with caplog.at_level(logging.DEBUG):
        for body, field in BODIES:
            problem = problem_of(await gateway.client.post("/api/v1/generate", json=body))
            assert fields_of(problem) == [field], body
            assert field in problem["detail"]
            assert "^" not in problem["detail"], "a regular expression"
    assert not api.calls
    assert SECRET not in caplog.text


async def test_the_text_names_the_scene(gateway: RunningGateway) -> None:
    """What is wrong with a scene is said with its number, counted from 1, and what is allowed."""
    scenes = [{"prompt": SECRET}, {"prompt": SECRET, "transition": "wipe", "duration": 700}]
    problem = problem_of(await gateway.client.post("/api/v1/generate", json={"scenes": scenes}))
    said = {violation["field"]: violation["message"] for violation in problem["violations"]}
    assert said == {
        "scenes[1].duration": "must be less than or equal to 600 (scene 2)",
        "scenes[1].transition": "must be one of 'cut', 'fade' or 'dissolve' (scene 2)",
    }


async def test_all_queries(gateway: RunningGateway, api: RecordingApi) -> None:
    """A wrong parameter of a read is named, and the api receives no call."""
    for path, field in QUERIES:
        problem = problem_of(await gateway.client.get(path))
        assert fields_of(problem) == [field], path
        assert "^" not in problem["detail"], "a regular expression"
    assert not api.calls


async def test_bulk_bodies(gateway: RunningGateway, api: RecordingApi) -> None:
    """A wrong field of a bulk command is named, and no job changes."""
    for body, field in BULKS:
        problem = problem_of(await gateway.client.post("/api/v1/bulk", json=body))
        assert fields_of(problem) == [field], body
    assert not api.calls


RAW = [
    (b"", 400, "body"),
    (b"{", 400, "body"),
    (b'{"prompt": "x",}', 400, "body"),
    (b"[]", 400, "body"),
    (b'"text"', 400, "body"),
    (b"null", 400, "body"),
    (b'{"prompt": "x", "duration": NaN}', 400, "duration"),
    (b'{"prompt": "x", "guidance": Infinity}', 400, "guidance"),
    (b'{"prompt": "x", "duration": 1e999}', 400, "duration"),
    (b'{"prompt": "\\ud800"}', 400, "prompt"),
    (b"[" * 100_000, 400, None),
    (b"\xff\xfe\x00", 400, None),
]


async def test_bodies_that_are_no_json(gateway: RunningGateway, api: RecordingApi) -> None:
    """Malformed JSON, NaN, lone surrogates and deep nesting are refused with the right reason."""
    for content, status, field in RAW:
        headers = {"Content-Type": "application/json"}
        response = await gateway.client.post("/api/v1/generate", content=content, headers=headers)
        problem = problem_of(response, status)
        assert field is None or fields_of(problem) == [field], content[:40]
    assert not api.calls


async def test_wrong_media_types(gateway: RunningGateway, api: RecordingApi) -> None:
    """A body without a JSON content type is not read; neither is one in another encoding."""
    body = json.dumps({"prompt": SECRET}).encode()
    for media_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ):
        headers = {"Content-Type": media_type} if media_type else {}
        response = await gateway.client.post("/api/v1/generate", content=body, headers=headers)
        assert problem_of(response, 415)["reason"] == "UNSUPPORTED_MEDIA_TYPE"
    latin = {"Content-Type": "application/json; charset=latin-1"}
    problem_of(await gateway.client.post("/api/v1/generate", content=body, headers=latin), 400)
    for good in ("application/json; charset=UTF-8", "application/vnd.kinolog+json"):
        response = await gateway.client.post("/api/v1/generate", content=body, headers={"Content-Type": good})
        assert response.status_code == 202
    assert len(api.calls) == 2


async def test_large_bodies(gateway: RunningGateway, api: RecordingApi) -> None:
    """A body over 1 MB is refused, with or without Content-Length."""
    content = b'{"prompt": "' + b"x" * 1_000_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    response = await gateway.client.post("/api/v1/generate", content=content, headers=headers)
    assert problem_of(response, 413)["reason"] == "BODY_TOO_LARGE"

    async def parts() -> Any:
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]

    response = await gateway.client.post("/api/v1/generate", content=parts(), headers=headers)
    assert problem_of(response, 413)["reason"] == "BODY_TOO_LARGE"
    assert not api.calls


async def test_unknown_routes_and_methods(gateway: RunningGateway) -> None:
    """Unknown routes and methods get a problem too."""
    for path in (
        "/mcp/",
        "/mcp/nothing",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v1/jobs/",
        "/api/v1/keys/",
        "/docs/",
        "/api/v1/generate/x",
    ):
        response = await gateway.client.get(path)
        assert problem_of(response, 404)["reason"] == "ROUTE_NOT_FOUND", path
    response = await gateway.client.get("/api/v1/generate")
    assert problem_of(response, 405)["reason"] == "METHOD_NOT_ALLOWED"
    assert response.headers["allow"] == "POST"
    several = await gateway.client.put("/api/v1/keys", json={})
    problem_of(several, 405)
    assert several.headers["allow"] == "GET, HEAD, POST"


async def test_two_request_ids_that_differ(gateway: RunningGateway, api: RecordingApi) -> None:
    """A request id in the body and another in the header is refused."""
    response = await gateway.client.post(
        "/api/v1/generate", json={"prompt": "x", "request_id": "a"}, headers={"Idempotency-Key": "b"}
    )
    assert fields_of(problem_of(response)) == ["request_id"]
    response = await gateway.client.post(
        "/api/v1/generate", json={"prompt": "x"}, headers={"Idempotency-Key": "a b"}
    )
    assert fields_of(problem_of(response)) == ["Idempotency-Key"]
    assert not api.calls


async def test_no_route_ignores_a_field(gateway: RunningGateway, api: RecordingApi) -> None:
    """Every route that takes JSON names a key that it does not know, those of other services in their shapes too."""
    document = (await gateway.client.get("/openapi.json")).json()
    api.commit(canned.completed(api.add_job(id=ID)), "completed")
    api.files[ID, pb.ARTIFACT_KIND_VIDEO, 0] = b"film"
    wrong = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "application/json" not in operation.get("requestBody", {}).get("content", {}):
                continue
            address = path.format_map(PARTS)
            body = {**WHOLE_BODIES.get(path, {"prompt": "x"}), "no_such_key": 1}
            response = await gateway.client.request(method, address, json=body)
            if response.status_code != 400 or "no_such_key" not in response.text:
                wrong[f"{method} {path}"] = (response.status_code, response.text[:300])
    assert not wrong, json.dumps(wrong, indent=1)


async def test_every_wrong_field_is_named(gateway: RunningGateway) -> None:
    """A request with several wrong fields gets a problem that lists all of them."""
    response = await gateway.client.post("/api/v1/generate", json={"prompt": "", "fps": 0, "what": 1})
    problem = problem_of(response)
    assert set(fields_of(problem)) == {"prompt", "fps", "what"}
    assert "2 more" in problem["detail"]
