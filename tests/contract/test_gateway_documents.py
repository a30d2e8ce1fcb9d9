"""The documents of REST and WebSocket describe what is served, and what is served fits them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.routing import APIRoute
from kinolog_gateway.http.openapi import COUNTED_ROUTES, ERROR_HEADERS
from kinolog_gateway.web_app import ROUTERS
from kinolog_gateway.websocket.asyncapi import EXAMPLES, asyncapi_document, yaml_text

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway, running_gateway, running_recording_api
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.schemas import schema_validator
from tests.unit.gateway.test_path_aliases import JOB_IDS, VALUES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
async def api() -> AsyncIterator[RecordingApi]:
    """The api that the gateway calls."""
    async with running_recording_api() as recording:
        yield recording


@pytest.fixture
async def gateway(api: RecordingApi) -> AsyncIterator[RunningGateway]:
    """A gateway in front of it."""
    async with running_gateway(api.target) as running:
        yield running


def served() -> set[tuple[str, str]]:
    """Return method and path of every route; HEAD of a file or a probe is described by its GET."""
    return {
        (method, route.path_format)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }


def test_the_routes_are_those_of_the_contract() -> None:
    """Every route of the contract is served."""
    routes = served()
    for method, path in (
        ("POST", "/api/v1/generate"),
        ("POST", "/api/v1/plan"),
        ("GET", "/api/v1/status/{job_id}"),
        ("GET", "/api/v1/jobs"),
        ("POST", "/api/v1/cancel/{job_id}"),
        ("GET", "/api/v1/result/{job_id}"),
        ("GET", "/api/v1/result/{job_id}/video"),
        ("HEAD", "/api/v1/result/{job_id}/video"),
        ("GET", "/api/v1/result/{job_id}/thumbnail"),
        ("GET", "/api/v1/result/{job_id}/preview"),
        ("GET", "/api/v1/result/{job_id}/manifest"),
        ("GET", "/api/v1/storyboard/{job_id}"),
        ("POST", "/api/v1/prefetch/{job_id}"),
        ("POST", "/api/v1/retry/{job_id}"),
        ("POST", "/api/v1/priority/{job_id}"),
        ("DELETE", "/api/v1/jobs/{job_id}"),
        ("POST", "/api/v1/bulk"),
        ("GET", "/api/v1/logs/{job_id}"),
        ("GET", "/api/v1/events/{job_id}"),
        ("GET", "/api/v1/audit/{job_id}"),
        ("GET", "/api/v1/audit/{job_id}/inclusion"),
        ("GET", "/api/v1/audit/tree/head"),
        ("GET", "/api/v1/audit/tree/heads"),
        ("GET", "/api/v1/audit/tree/heads/{number}"),
        ("GET", "/api/v1/audit/tree/tiles/{level}/{tile}"),
        ("GET", "/api/v1/audit/tree/inclusion/{position}"),
        ("GET", "/api/v1/audit/tree/consistency/{old_size}"),
        ("GET", "/api/v1/audit/export"),
        ("GET", "/api/v1/audit/bundle"),
        ("GET", "/api/v1/analytics/overview"),
        ("GET", "/api/v1/analytics/status-distribution"),
        ("GET", "/api/v1/analytics/success-rate"),
        ("GET", "/api/v1/analytics/stage-times"),
        ("GET", "/api/v1/analytics/queue-depth"),
        ("GET", "/api/v1/analytics/trends"),
        ("GET", "/api/v1/models"),
        ("GET", "/api/v1/audit/events"),
        ("GET", "/api/v1/audit/reads"),
        ("GET", "/api/v1/audit/commands"),
        ("GET", "/api/v1/audit/queue"),
        ("GET", "/api/v1/audit/erasures"),
        ("GET", "/api/v1/audit/erasures/{number}"),
        ("GET", "/api/v1/audit/tree/reads/{batch}"),
        ("GET", "/api/v1/audit/verifications"),
        ("POST", "/api/v1/audit/verifications"),
        ("GET", "/api/v1/audit/verifications/{verification_id}"),
        ("POST", "/api/v1/audit/verifications/{verification_id}/cancel"),
        ("GET", "/api/v1/workers"),
        ("GET", "/api/v1/alarms"),
        ("GET", "/api/v1/live"),
        ("GET", "/health"),
        ("GET", "/ready"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
    ):
        assert (method, path) in routes, path


async def test_every_route_is_described(gateway: RunningGateway) -> None:
    """The OpenAPI document and the pages of docs list exactly the served routes."""
    document = (await gateway.client.get("/openapi.json")).json()
    described = {
        (method.upper(), path) for path, operations in document["paths"].items() for method in operations
    }
    pages = "".join((DOCS / page).read_text() for page in ("rest.md", "openai.md", "compatibility.md"))
    assert described == served()
    assert set(re.findall(r"^\| `([A-Z]+) (\S+)` \|", pages, re.MULTILINE)) == served()


def _error_of(path: str) -> tuple[str, str]:
    """Return type and schema of the errors of a path."""
    for start, error in (("/v1/", "OpenAiError"), ("/veo/", "GoogleError")):
        if path.startswith(start):
            return "application/json", error
    return "application/problem+json", "Problem"


async def test_every_operation_is_whole(gateway: RunningGateway) -> None:
    """Each operation has a summary, a description, a response with a schema, and problems for errors."""
    document = (await gateway.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert "422" not in operation["responses"], where
            media_type, error = _error_of(path)
            counted = ("429",) if path.startswith(COUNTED_ROUTES) else ()
            for status in (*counted, "4XX", "5XX"):
                response = operation["responses"][status]
                content = response["content"][media_type]
                assert content["schema"]["$ref"] == f"#/components/schemas/{error}", where
                assert response["headers"].keys() == ERROR_HEADERS.keys(), where
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), f"{where} {parameter['name']}"
    assert len({o["operationId"] for p in document["paths"].values() for o in p.values()}) == len(served())
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name


async def test_examples_fit_their_schemas(gateway: RunningGateway) -> None:
    """The examples of request bodies are accepted by the schemas that show them, and by the gateway."""
    document = (await gateway.client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    checked = 0
    for name in ("GenerateRequest", "BulkRequest", "Problem"):
        for example in schemas[name]["examples"]:
            schema_validator(document, f"#/components/schemas/{name}").validate(example)
            checked += 1
    assert checked >= 5
    for example in schemas["GenerateRequest"]["examples"]:
        assert (await gateway.client.post("/api/v1/generate", json=example)).status_code == 202
    for example in schemas["BulkRequest"]["examples"]:
        assert (await gateway.client.post("/api/v1/bulk", json=example)).status_code == 200


def finished_job(api: RecordingApi) -> pb.Job:
    """Return a job with every field that a job can have."""
    job = canned.completed(canned.started(api.add_job()), canned.artifact())
    job.attempts[0].error.CopyFrom(pb.JobError(code="WORKER_LOST", message="gone", retryable=True))
    api.files[job.id, pb.ARTIFACT_KIND_VIDEO, 0] = canned.VIDEO
    api.send_update(log=canned.line(job, 1))
    return api.commit(job, "completed")


NOT_JSON = (
    "/audit/export",
    "/audit/bundle",
    "/stream",
    "/video",
    "/thumbnail",
    "/preview",
    "/{index}",
    "/{export_format}",
    "/metrics",
    "/live",
    "/content",
)
"""Ends of the paths whose responses are files or text."""


async def test_every_response_fits_its_schema(gateway: RunningGateway, api: RecordingApi) -> None:
    """The response of each route validates against its schema in the OpenAPI document."""
    document = (await gateway.client.get("/openapi.json")).json()
    job, finished = finished_job(api), pb.Job()
    finished.CopyFrom(job)
    bodies = {
        "/api/v1/generate": {"prompt": "x"},
        "/api/v1/plan": {"prompt": "x"},
        "/api/v1/priority/{job_id}": {"priority": "high"},
        "/api/v1/keys": {"actor": "ada"},
        "/api/v1/schedules": {"cron": "0 0 * * *", "job": {"prompt": "x"}},
        "/api/v1/webhooks": {"address": "https://example.org/"},
        "/api/v1/webhooks/{webhook_id}": {"address": "https://example.org/"},
        "/api/v1/webhooks/{webhook_id}/rotate": {},
        "/api/v1/bulk": {"action": "retry", "job_ids": [job.id, "z" * 26]},
        "/api/v1/tickets": {"job_id": job.id},
        "/v1/videos": {"prompt": "x"},
        "/v1/videos/{video_id}/remix": {"prompt": "y"},
        "/v1/videos/edits": {"prompt": "z", "video": {"id": job.id}},
        "/v1/videos/extensions": {"prompt": "z", "video": {"id": job.id}, "seconds": "2"},
        "/fal/{app}": {"prompt": "x"},
        "/replicate/v1/predictions": {"version": "default", "input": {"prompt": "x"}},
        "/replicate/v1/models/{owner}/{name}/predictions": {"input": {"prompt": "x"}},
        "/veo/{version}/{parent}/models/{model}:predictLongRunning": {"instances": [{"prompt": "x"}]},
        "/veo/{version}/{parent}/models/{model}:fetchPredictOperation": {
            "operationName": f"/operations/{job.id}"
        },
    }
    for method, path in sorted(served()):
        if method == "HEAD" or path.endswith(NOT_JSON):
            continue
        filled = path.format_map(VALUES | dict.fromkeys(JOB_IDS, job.id))
        if path == "/api/v1/inputs":
            response = await gateway.client.post(path, files={"file": b"a picture"})
        elif path == "/replicate/v1/files":
            response = await gateway.client.post(path, files={"content": b"a picture"})
        elif method in ("POST", "PUT", "DELETE"):
            response = await gateway.client.request(method, filled, json=bodies.get(path))
            job.CopyFrom(finished)  # the command may have changed it
            api.commit(job, "completed")
        else:
            response = await gateway.client.get(filled)
        assert response.is_success, f"{method} {path}: {response.text}"
        escaped = path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
        operation = f"#/paths/{escaped}/{method.lower()}"
        schema = f"{operation}/responses/{response.status_code}/content/application~1json/schema"
        schema_validator(document, schema).validate(response.json())


def test_the_page_of_the_websocket_is_current() -> None:
    """docs/asyncapi.yaml is the output of `python -m kinolog_gateway.websocket.asyncapi`."""
    page = (DOCS / "asyncapi.yaml").read_text()
    assert page == yaml_text()
    assert yaml.safe_load(page) == asyncapi_document()


async def test_the_served_document_is_the_page(gateway: RunningGateway) -> None:
    """GET /asyncapi.json serves the content of docs/asyncapi.yaml, with the address of this gateway."""
    served = (await gateway.client.get("/asyncapi.json")).json()
    assert [server["host"] for server in served.pop("servers").values()] == [
        gateway.url.removeprefix("http://")
    ]
    page = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
    del page["servers"]
    assert served == page


def test_references_of_the_document_resolve() -> None:
    """Every $ref of the AsyncAPI document resolves, and every example fits its message."""
    document = asyncapi_document()
    text = str(document)
    for reference in re.findall(r"'\$ref': '#/([^']+)'", text):
        part: Any = document
        for step in reference.split("/"):
            part = part[step]
    for name, examples in EXAMPLES.items():
        for example in examples:
            schema_validator(document, f"#/components/schemas/{name}").validate(example)
