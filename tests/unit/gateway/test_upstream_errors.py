"""Errors of the api, as REST reports them."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import status_pb2
from kinolog_gateway.http.grpc_errors import from_rpc_status, rest_field

from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.recording_api import RecordingApi, Refusal
from tests.unit.gateway.test_bad_input import ID, fields_of, problem_of


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "grpc_proxy", "HTTPS_PROXY"])
async def test_no_proxy_stands_before_the_api(
    api: RecordingApi, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A proxy of the shell or of Docker's configuration is for the web. The gateway calls its api directly."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with running_gateway(f"localhost:{api.port}") as gateway:
        assert (await gateway.client.get("/api/v1/models")).status_code == 200


async def test_a_job_that_is_not_there(gateway: RunningGateway) -> None:
    """An unknown id is 404 on every route about one job."""
    for method, path in (
        ("GET", f"/api/v1/status/{ID}"),
        ("GET", f"/api/v1/storyboard/{ID}"),
        ("GET", f"/api/v1/logs/{ID}"),
        ("GET", f"/api/v1/events/{ID}"),
        ("GET", f"/api/v1/audit/{ID}"),
        ("GET", f"/api/v1/result/{ID}"),
        ("GET", f"/api/v1/result/{ID}/video"),
        ("GET", f"/api/v1/result/{ID}/scenes/0"),
        ("POST", f"/api/v1/cancel/{ID}"),
        ("POST", f"/api/v1/retry/{ID}"),
        ("POST", f"/api/v1/reproduce/{ID}"),
        ("POST", f"/api/v1/prefetch/{ID}"),
        ("POST", f"/api/v1/pause/{ID}"),
        ("POST", f"/api/v1/resume/{ID}"),
        ("DELETE", f"/api/v1/jobs/{ID}"),
    ):
        problem = problem_of(await gateway.client.request(method, path), 404)
        assert problem["reason"] == "JOB_NOT_FOUND", path


async def test_violations_get_the_names_of_rest(gateway: RunningGateway, api: RecordingApi) -> None:
    """Fields that only the api finds wrong are named as the request spells them."""
    api.failures["SubmitJob"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELDS",
        "width: must be one of the model's",
        {"width": "must be one of 256x256", "duration_seconds": "duration_seconds must be at most 60"},
    )
    response = await gateway.client.post("/api/v1/generate", json={"prompt": "x", "size": "64x64"})
    problem = problem_of(response)
    assert fields_of(problem) == ["size", "duration"]
    assert problem["detail"] == "size must be one of 256x256; duration duration must be at most 60"


@pytest.mark.parametrize(
    ("code", "status", "retry"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, 409, None),
        (grpc.StatusCode.ABORTED, 409, None),
        (grpc.StatusCode.PERMISSION_DENIED, 403, None),
        (grpc.StatusCode.UNAUTHENTICATED, 401, None),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "1"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504, None),
        (grpc.StatusCode.UNIMPLEMENTED, 501, None),
        (grpc.StatusCode.INTERNAL, 500, None),
        (grpc.StatusCode.DATA_LOSS, 500, None),
    ],
)
async def test_codes(
    gateway: RunningGateway, api: RecordingApi, code: grpc.StatusCode, status: int, retry: str | None
) -> None:
    """Every gRPC code has an HTTP status, and the reason is passed on."""
    api.failures["GetJob"] = Refusal(code, "SOME_REASON", "some words")
    response = await gateway.client.get(f"/api/v1/status/{ID}")
    problem = problem_of(response, status)
    assert (problem["reason"], problem["detail"]) == ("SOME_REASON", "some words")
    assert response.headers.get("retry-after") == retry
    assert ("www-authenticate" in response.headers) == (status == 401)


async def test_a_full_disk_is_507(gateway: RunningGateway, api: RecordingApi) -> None:
    """The api's answer to a submit while a disk is full is Insufficient Storage."""
    api.failures["SubmitJob"] = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL", "make room")
    problem = problem_of(await gateway.client.post("/api/v1/generate", json={"prompt": "x"}), 507)
    assert (problem["reason"], problem["detail"], problem["title"]) == (
        "STORAGE_FULL",
        "make room",
        "Insufficient Storage",
    )


async def test_an_unreachable_api() -> None:
    """Without an api the gateway runs, is not ready, and responds with 503 and Retry-After."""
    async with running_gateway("127.0.0.1:1") as gateway:
        assert (await gateway.client.get("/health")).json() == {"status": "ok"}
        problem = problem_of(await gateway.client.get("/ready"), 503)
        assert problem["reason"] == "API_UNAVAILABLE"
        response = await gateway.client.get("/api/v1/models")
        problem = problem_of(response, 503)
        assert problem["reason"] == "UNAVAILABLE"
        assert response.headers["retry-after"] == "1"
        assert "127.0.0.1" not in response.text


async def test_an_api_that_restarts_under_a_call(gateway: RunningGateway, api: RecordingApi) -> None:
    """Once the api is back, the gateway uses it again by itself."""
    job = api.add_job()
    assert (await gateway.client.get(f"/api/v1/status/{job.id}")).status_code == 200
    await api.stop()
    problem_of(await gateway.client.get(f"/api/v1/status/{job.id}"), 503)
    await api.start()
    while (response := await gateway.client.get(f"/api/v1/status/{job.id}")).status_code == 503:
        pass
    assert response.status_code == 200
    assert (await gateway.client.get("/ready")).status_code == 200


@pytest.mark.parametrize(
    ("wire", "rest"),
    [
        ("duration_seconds", "duration"),
        ("page_size", "limit"),
        ("page_token", "cursor"),
        ("order_by", "sort"),
        ("filter.statuses[1]", "status[1]"),
        ("filter.created_before", "to"),
        ("filter", "from"),
        ("selection.job_ids[3]", "job_ids[3]"),
        ("selection.filter.priorities[0]", "filter.priority[0]"),
        ("selection.filter.created_from", "filter.from"),
        ("selection", "job_ids"),
        ("range.from", "from"),
        ("range.before", "to"),
        ("height", "size"),
        ("prompt", "prompt"),
        ("after_sequence", "after"),
    ],
)
def test_names_of_fields(wire: str, rest: str) -> None:
    """Each field of a gRPC request has the name that REST gives it."""
    assert rest_field(wire) == rest


def test_a_status_without_details() -> None:
    """A status without details still makes a complete problem."""
    problem = from_rpc_status(status_pb2.Status(code=5, message="no such job"))
    assert (problem.status, problem.reason, problem.detail) == (404, "NOT_FOUND", "no such job")
    assert problem.type == "urn:kinolog:problem:not-found"
