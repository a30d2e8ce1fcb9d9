"""Bad input at every surface: an error that names the field, nothing stored, and the prompt in no log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import httpx
import pytest
from typer.testing import CliRunner
from websockets.sync.client import connect

from kinolog.v1 import job_service_pb2, job_service_pb2_grpc
from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import JobSelection, KinologClient
from kinolog_stack.stack import Stack
from tests.fixtures.waits import WAIT_SECONDS

SECRET = "capybara"
UNKNOWN = "a" * 26
LONG = f"{SECRET} " * 1_112  # 10,008 characters


def _body(**changes: Any) -> dict[str, Any]:
    return {"prompt": f"a {SECRET}"} | changes


BODIES = [
    (_body(prompt=""), "prompt"),
    (_body(prompt=" \n\t "), "prompt"),
    (_body(prompt="\u3000\u200b"), "prompt"),
    (_body(prompt=f"{SECRET}\x1b]52;c;aGk=\x07"), "prompt"),
    (_body(negative_prompt=f"{SECRET}\u202e"), "negative_prompt"),
    (_body(prompt=LONG), "prompt"),
    (_body(prompt=7), "prompt"),
    ({}, "prompt"),
    (_body(duration=0), "duration"),
    (_body(duration=1e9), "duration"),
    (_body(duration=-1), "duration"),
    (_body(priority="urgent"), "priority"),
    (_body(style="cubist"), "style"),
    (_body(model="no-such-model"), "model"),
    (_body(size="256"), "size"),
    (_body(size="1000x1000", model="kinolog-tiny"), "size"),
    (_body(steps=0), "steps"),
    (_body(steps=900, model="kinolog-tiny"), "steps"),
    (_body(seed=-1), "seed"),
    (_body(fps=1000), "fps"),
    (_body(request_id="two words"), "request_id"),
    (_body(colour="red"), "colour"),
]
QUERIES = [
    ("limit=0", "limit"),
    ("limit=101", "limit"),
    ("offset=-1", "offset"),
    ("sort=colour", "sort"),
    ("order=sideways", "order"),
    ("status=lost", "status"),
    ("priority=urgent", "priority"),
    ("date_range=whenever", "date_range"),
    ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
    ("from=yesterday", "from"),
    ("cursor=nonsense", "cursor"),
    ("text=%1B%5B2J", "text"),
]


def _violated(answer: httpx.Response) -> set[str]:
    """The fields that a problem names."""
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    problem = answer.json()
    assert problem["title"]
    assert all(violation["message"] for violation in problem["violations"])
    return {violation["field"].partition("[")[0] for violation in problem["violations"]}


def _total(client: KinologClient) -> int:
    return client.jobs(limit=1).summary.total


@pytest.fixture
def http(stack: Stack) -> httpx.Client:
    """A plain HTTP client of the gateway."""
    return httpx.Client(base_url=stack.addresses["gateway"])


@pytest.mark.parametrize(("body", "field"), BODIES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_body_is_refused_by_field(http: httpx.Client, body: dict[str, Any], field: str) -> None:
    """POST /api/v1/generate names the field that is wrong, and does not send the prompt back."""
    with http:
        answer = http.post("/api/v1/generate", json=body)
    assert 400 <= answer.status_code < 500
    assert _violated(answer) == {field}
    assert SECRET not in answer.text


@pytest.mark.parametrize(("query", "field"), QUERIES)
def test_a_wrong_query_is_refused_by_field(http: httpx.Client, query: str, field: str) -> None:
    """GET /api/v1/jobs names the parameter that is wrong."""
    with http:
        answer = http.get(f"/api/v1/jobs?{query}")
    assert 400 <= answer.status_code < 500
    assert _violated(answer) == {field}


@pytest.mark.parametrize("text", ["", "{", '{"prompt": "a ' + SECRET, "[1]", "\xff", '{"prompt": NaN}'])
def test_malformed_json_is_refused(http: httpx.Client, text: str) -> None:
    """A body that is no JSON object is refused as such."""
    with http:
        answer = http.post(
            "/api/v1/generate", content=text.encode("latin-1"), headers={"content-type": "application/json"}
        )
    assert answer.status_code in (400, 422)
    _violated(answer)
    assert SECRET not in answer.text


def test_malformed_and_unknown_ids(http: httpx.Client) -> None:
    """A malformed id is a bad request, an unknown one is not found; both answers are problems."""
    with http:
        for path in ("status", "storyboard", "logs", "events", "audit"):
            assert http.get(f"/api/v1/{path}/not-an-id").status_code == 400, path
            assert http.get(f"/api/v1/{path}/{UNKNOWN}").status_code == 404, path
        for path in ("cancel", "retry", "prefetch"):
            assert http.post(f"/api/v1/{path}/{UNKNOWN}", json={}).status_code == 404, path
        assert http.delete(f"/api/v1/jobs/{UNKNOWN}").status_code == 404
        assert http.get("/no/such/route").headers["content-type"].startswith("application/problem+json")


def test_the_command_line_refuses_the_same(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kinolog` ends with the exit code for the mistake, names the field, and shows no traceback."""
    monkeypatch.setenv("KINOLOG_URL", stack.addresses["gateway"])
    runner = CliRunner()
    calls = [
        (["generate", ""], ExitCode.USAGE, "prompt"),
        (["generate", LONG], ExitCode.USAGE, "prompt"),
        (["generate", SECRET, "--duration", "0"], ExitCode.USAGE, "duration"),
        (["generate", SECRET, "--priority", "urgent"], ExitCode.USAGE, "priority"),
        (["generate", SECRET, "--style", "cubist"], ExitCode.USAGE, "style"),
        (["generate", SECRET, "--model", "none"], ExitCode.USAGE, "model"),
        (["generate", SECRET, "--duration", "soon"], ExitCode.USAGE, "duration"),
        (["jobs", "--limit", "0"], ExitCode.USAGE, "limit"),
        (["jobs", "--sort", "colour"], ExitCode.USAGE, "sort"),
        (["show", "not-an-id"], ExitCode.USAGE, "job_id"),
        (["show", UNKNOWN], ExitCode.NOT_FOUND, "no"),
        (["replay", UNKNOWN], ExitCode.NOT_FOUND, "no"),
        (["verify", UNKNOWN], ExitCode.NOT_FOUND, "no"),
        (["verify", "not-an-id"], ExitCode.USAGE, "job_id"),
        (["cancel", UNKNOWN], ExitCode.NOT_FOUND, "no"),
        (["watch", UNKNOWN], ExitCode.NOT_FOUND, "no"),
    ]
    for arguments, code, word in calls:
        done = runner.invoke(app, arguments)
        assert done.exit_code == code, (arguments[0], done.output)
        assert word in done.output
        assert "Traceback" not in done.output
        assert SECRET not in done.output


def test_an_unreachable_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """If nothing listens at the address, the command names `kinolog up`."""
    monkeypatch.setenv("KINOLOG_URL", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, ["jobs"])
    assert done.exit_code == ExitCode.UNREACHABLE
    assert "kinolog up" in done.output


def test_malformed_protobuf_is_refused(stack: Stack) -> None:
    """Bytes that are no message are refused, and the api goes on."""

    async def call() -> grpc.StatusCode:
        async with grpc.aio.insecure_channel(stack.addresses["api"]) as channel:
            raw = channel.unary_unary("/kinolog.v1.JobService/SubmitJob", bytes, bytes)
            try:
                await raw(b"\xff\xff\xff\xff no message")
            except grpc.aio.AioRpcError as error:
                stub = job_service_pb2_grpc.JobServiceStub(channel)
                await stub.ListModels(job_service_pb2.ListModelsRequest())
                return error.code()
        return grpc.StatusCode.OK

    assert asyncio.run(call()) in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        '{"type": "dance"}',
        '{"type": "subscribe", "channel": "everything"}',
        '{"type": "subscribe"}',
    ],
)
def test_a_wrong_live_message_is_answered(stack: Stack, text: str) -> None:
    """The WebSocket answers a wrong message with an error and stays open."""
    address = stack.addresses["gateway"].replace("http://", "ws://") + "/ws"
    with connect(address) as socket:
        socket.send(text)
        answer = json.loads(socket.recv(timeout=WAIT_SECONDS))
        assert answer["type"] == "error"
        assert answer["data"]["message"]
        socket.send('{"type": "ping"}')
        assert json.loads(socket.recv(timeout=WAIT_SECONDS))["type"] == "pong"


def test_bad_input_is_neither_stored_nor_logged(
    stack: Stack, gateway: KinologClient, http: httpx.Client
) -> None:
    """After every kind of bad input there is no job more than before, and no log holds the prompt."""
    before = _total(gateway)
    with http:
        for body, _ in BODIES:
            http.post("/api/v1/generate", json=body)
    assert _total(gateway) == before
    assert gateway.jobs(JobSelection(text=SECRET)).jobs == ()
    for file in stack.folder.logs.iterdir():
        assert SECRET.encode() not in file.read_bytes(), file
