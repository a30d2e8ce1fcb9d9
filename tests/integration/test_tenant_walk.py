"""Every RPC, route, alias and channel as another tenant: a job of one tenant does not exist for another.

What is new fails here until it has a row. Tools of agents are walked in test_mcp_real_api.py, scopes of keys in
test_api_access.py and test_gateway_scopes.py.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import grpc
import httpx
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from kinolog_gateway.http.edge.path_aliases import API_PREFIX
from kinolog_gateway.http.middleware import PAGE_PATHS
from kinolog_gateway.live.channels import ChannelKind

from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.call_metadata import bearer
from tests.builders.interfaces import ADA, BOB, INPUT_MODELS, key_file
from tests.builders.running_api import PROMPT, RunningApi, running_api
from tests.builders.uploaded_files import WEBM
from tests.contract.bad_requests import OF_ONE_JOB
from tests.contract.test_api_access import methods
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.test_path_aliases import JOB_IDS, VALUES, served_routes
from tests.unit.gateway.ws_client import WsClient, connected, positions

KEYS = {
    sha256(ADA.encode()).digest(): KeyHolder(tenant="default", actor="ada"),
    sha256(BOB.encode()).digest(): KeyHolder(tenant="lab", actor="bob"),
}
Route = tuple[str, str, Any]
"""Method, path and body of a request."""

VEO = "/veo/{version}/{parent}/models/{model}:"
NAMED_ELSEWHERE = {
    ("POST", "/api/v1/bulk"),
    ("POST", "/api/v1/tickets"),
    ("GET", "/api/v1/live"),
    ("HEAD", "/api/v1/live"),
    ("POST", "/v1/videos/edits"),
    ("POST", "/v1/videos/extensions"),
    ("POST", f"{VEO}fetchPredictOperation"),
}
"""Routes that name a job in the query or in the body."""

READS = {
    *(
        ("GET", f"/api/v1/{name}")
        for name in ("jobs", "activity", "models", "workers", "alarms", "usage", "whoami")
    ),
    *(("GET", f"/api/v1/analytics/{name}") for name in ("overview", "queue-depth", "stage-times")),
    *(("GET", f"/api/v1/analytics/{name}") for name in ("status-distribution", "success-rate", "trends")),
    *(("GET", f"/api/v1/audit/{name}") for name in ("events", "reads", "commands", "queue", "erasures")),
    ("GET", "/api/v1/audit/erasures/{number}"),
    *(("GET", path) for path in ("/v1/videos", "/v1/models", "/v1/models/{model}")),
    *(("GET", path) for path in ("/", "/docs", "/docs/start.js", "/health", "/ready", "/metrics")),
    *(("GET", path) for path in ("/openapi.json", "/asyncapi.json", "/replicate/v1/predictions")),
    *(("GET", f"/api/v1/audit/tree/{name}") for name in ("head", "heads", "heads/{number}")),
    *(("GET", f"/api/v1/audit/tree/{name}") for name in ("tiles/{level}/{tile}", "inclusion/{position}")),
    ("GET", "/api/v1/audit/tree/reads/{batch}"),
    ("GET", "/api/v1/audit/tree/consistency/{old_size}"),
    ("GET", "/v1/videos/characters/{character_id}"),
    ("GET", "/api/v1/audit/export"),
    ("GET", "/api/v1/audit/bundle"),
    *(("GET", path) for path in (*PAGE_PATHS, "/assets/{name}", "/icon.svg")),
}
"""Routes that name no job and may be read: what they say has none of another tenant."""

OWN = {
    ("GET", "/api/v1/keys"),
    ("DELETE", "/api/v1/keys/{key_id}"),
    *(("POST", f"/api/v1/{name}") for name in ("generate", "plan", "inputs", "keys")),
    *(("POST", path) for path in ("/v1/videos", "/v1/videos/characters", "/fal/{app}")),
    *(("POST", f"/replicate/v1/{name}") for name in ("files", "predictions")),
    ("POST", "/replicate/v1/models/{owner}/{name}/predictions"),
    ("POST", f"{VEO}predictLongRunning"),
    *((method, "/api/v1/webhooks") for method in ("GET", "POST")),
    *((method, "/api/v1/webhooks/{webhook_id}") for method in ("PUT", "DELETE")),
    *(("GET", f"/api/v1/webhooks/{name}") for name in ("secret", "{webhook_id}/secret")),
    ("GET", "/replicate/v1/webhooks/default/secret"),
    *((method, "/api/v1/schedules") for method in ("GET", "POST")),
    *(("POST", f"/api/v1/queue/{name}") for name in ("pause", "resume")),
    ("GET", "/api/v1/queue"),
    *((method, "/api/v1/audit/verifications") for method in ("GET", "POST")),
    ("GET", "/api/v1/audit/verifications/{verification_id}"),
    ("POST", "/api/v1/audit/verifications/{verification_id}/cancel"),
    ("DELETE", "/api/v1/schedules/{schedule_id}"),
    *(("POST", f"/api/v1/schedules/{{schedule_id}}/{name}") for name in ("pause", "resume")),
    *(("GET", "/api/v1/webhooks/{webhook_id}/deliveries"), ("POST", "/api/v1/webhooks/{webhook_id}/rotate")),
    ("POST", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"),
}
"""Routes that make something for the caller, or concern its keys and webhooks: tested where those are."""

BULK = (
    "BulkCancelJobs",
    "BulkRetryJobs",
    "BulkReprioritizeJobs",
    "BulkPauseJobs",
    "BulkResumeJobs",
    "BulkEraseJobs",
)
READ_METHODS = (
    *(
        "WhoAmI",
        "GetUsage",
        "GetOverview",
        "GetSuccessRates",
        "GetStageTimes",
        "GetQueueDepth",
        "GetTrends",
        "ListActivity",
    ),
    *("ListTreeHeads", "ReplayLog", "ExportEvents"),
    *("ListJobs", "SummarizeJobs", "ListModels", "ListWorkers", "ListAlarms", "ListQueuePauses"),
    *("SearchEvents", "SearchReads", "CountCommands", "GetQueueAt", "ListErasures"),
)
OWN_METHODS = (
    *("CreateKey", "ListKeys", "RevokeKey", "UploadInput", "SubmitJob", "PlanJob", "BatchSubmitJobs"),
    *("CreateLiveTicket", "RedeemTicket", "WatchJobs", "NoteLiveRead"),
    *("CreateWebhook", "ListWebhooks", "ChangeWebhook", "DeleteWebhook", "GetWebhookSecret"),
    *("RotateWebhookSecret", "ListDeliveries", "Redeliver"),
    *("PauseQueue", "ResumeQueue"),
    *("StartVerification", "CancelVerification", "ListVerifications", "GetVerification"),
    *("GetTreeHead", "GetTreeTile", "GetConsistencyProof", "ExportBundle", "GetErasure"),
    "ProveReads",
    *("CreateSchedule", "ListSchedules", "PauseSchedule", "ResumeSchedule", "DeleteSchedule"),
)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """The real api over memory, with the keys of two tenants."""
    async with running_api(KEYS, catalogue=INPUT_MODELS) as running:
        yield running


@pytest.fixture
async def gateway(api: RunningApi, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway in front of it, with the same keys."""
    async with running_gateway(api.target, key_file(tmp_path)) as running:
        yield running


async def adas_job(api: RunningApi) -> str:
    """Return a completed job of the first tenant."""
    made = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT), metadata=bearer(ADA))
    await api.complete(made.job.id, WEBM)
    return made.job.id


def names_a_job(path: str) -> bool:
    """Return whether a route has the id of a job in its path, and reads it."""
    return path not in PAGE_PATHS and any(f"{{{name}}}" in path for name in JOB_IDS)


def routes_of_a_job(job_id: str) -> list[Route]:
    """Return every request for one job, with what erases it last."""
    own = VALUES | dict.fromkeys(JOB_IDS, job_id)
    bodies = {
        "/v1/videos/{video_id}/remix": {"prompt": "at night"},
        "/api/v1/priority/{job_id}": {"priority": "high"},
    }
    found: list[Route] = [
        (method, path.format_map(own), bodies.get(path))
        for method, path in served_routes()
        if names_a_job(path)
    ]
    source = {"prompt": "at night", "video": {"id": job_id}}
    found += [("POST", f"/v1/videos/{kind}", source) for kind in ("edits", "extensions")]
    operation = {"operationName": f"/operations/{job_id}"}
    found += [("POST", f"{VEO}fetchPredictOperation".format_map(VALUES), operation)]
    found += [("POST", f"{API_PREFIX}/tickets", {"job_id": job_id})]
    found += [("GET", f"{API_PREFIX}/live?channel={kind}:{job_id}", None) for kind in ("job", "logs")]
    return sorted(found, key=lambda route: route[0] == "DELETE")


def aliases(routes: list[Route]) -> list[Route]:
    """Return the same requests under their earlier paths."""
    return [
        (method, path.replace(API_PREFIX, "/mcp", 1), body)
        for method, path, body in routes
        if path.startswith(API_PREFIX)
    ]


async def answered(gateway: RunningGateway, key: str, route: Route) -> httpx.Response:
    """Return the response to a request with a key."""
    method, path, body = route
    headers = {"Authorization": f"Bearer {key}"}
    return await gateway.client.request(method, path, json=body, headers=headers)


def test_every_route_has_a_row() -> None:
    """A route names a job in its path, or is in one of the tables."""
    in_tables = NAMED_ELSEWHERE | READS | OWN
    assert {(method, path) for method, path in served_routes() if not names_a_job(path)} == in_tables
    in_methods = {name for name, _ in OF_ONE_JOB} | {*BULK, *READ_METHODS, *OWN_METHODS}
    assert {method.name for method in methods()} == in_methods


async def test_no_route_tells_of_another_tenants_job(gateway: RunningGateway, api: RunningApi) -> None:
    """Every route and alias of one job says to another tenant that there is none, and finds it for its own."""
    job_id = await adas_job(api)
    routes = routes_of_a_job(job_id)
    assert len(routes) >= 40
    for route in routes + aliases(routes):
        response = await answered(gateway, BOB, route)
        assert response.status_code == 404, (route, response.text)
        assert PROMPT not in response.text
    bulk = {"action": "erase", "job_ids": [job_id]}
    (result,) = (await answered(gateway, BOB, ("POST", "/api/v1/bulk", bulk))).json()["results"]
    assert result["error"]["reason"] == "JOB_NOT_FOUND"
    await api.server.reads.flush()
    for method, path in READS:
        # The record of reads has what Bob has asked for in vain, in his own words.
        query = "?query=outcome=ok" if path == f"{API_PREFIX}/audit/reads" else ""
        text = (await answered(gateway, BOB, (method, path.format_map(VALUES) + query, None))).text
        assert job_id not in text, path
        assert PROMPT not in text, path
    for route in routes:
        if (
            "/live?" in route[1]
            or "/export/" in route[1]
            or route[:2] == ("DELETE", f"/api/v1/jobs/{job_id}")
        ):
            continue  # a stream without an end; a process of its own; erased by its other path
        found = await answered(gateway, ADA, route)
        assert "JOB_NOT_FOUND" not in found.text, route
        if not route[1].startswith(API_PREFIX):
            assert found.status_code in (200, 201, 202), (route, found.text)
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id), metadata=bearer(ADA))).job
    assert (job.erased, job.status) == (True, job_pb2.STATUS_COMPLETED)


async def test_no_method_tells_of_another_tenants_job(api: RunningApi) -> None:
    """The methods that concern no single job neither find nor name one of another tenant."""
    job_id = await adas_job(api)
    own = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="own"), metadata=bearer(BOB))
    selection = pb.JobSelection(job_ids=[job_id])
    requests: dict[str, Message] = {
        name: getattr(pb, f"{name}Request")(selection=selection)
        for name in BULK
        if name != "BulkReprioritizeJobs"
    }
    requests["BulkReprioritizeJobs"] = pb.BulkReprioritizeJobsRequest(
        selection=selection, priority=job_pb2.PRIORITY_HIGH
    )
    for name, request in requests.items():
        (result,) = (await api.method(name)(request, metadata=bearer(BOB))).results
        assert result.error.code == grpc.StatusCode.NOT_FOUND.value[0], name
    kinds = {method.name: GetMessageClass(method.input_type) for method in methods()}
    told = {
        key: {name: await _told(api, name, kinds[name](), key) for name in READ_METHODS} for key in (ADA, BOB)
    }
    assert not [name for name, text in told[BOB].items() if job_id in text or PROMPT in text]
    assert {name for name, text in told[ADA].items() if job_id in text} == {
        "ListActivity",
        "ListJobs",
        "ReplayLog",
        "ExportEvents",
        "SearchEvents",
    }
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0, logs=True, progress=True), metadata=bearer(BOB))
    assert (await anext(aiter(stream))).job.id == own.job.id
    stream.cancel()


async def _told(api: RunningApi, name: str, request: Any, key: str) -> str:
    """Return what a method answers, as text."""
    if name == "ReplayLog":
        request.until_now = True
    call = api.method(name)(request, metadata=bearer(key))
    answers = [answer async for answer in call] if hasattr(call, "__aiter__") else [await call]
    return "".join(str(answer) for answer in answers)


async def test_no_channel_tells_of_another_tenants_job(gateway: RunningGateway, api: RunningApi) -> None:
    """Channels of a job do not exist for another tenant, and those of all jobs are without it."""
    job_id = await adas_job(api)
    channels = {
        kind: kind if kind in ("jobs", "queue") else f"{kind}:{job_id}" for kind in get_args(ChannelKind)
    }
    heard = {}
    for key in (ADA, BOB):
        own = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="own"), metadata=bearer(key))
        async with connected(gateway.ws_url, Authorization=f"Bearer {key}") as socket:
            for channel in channels.values():
                await socket.subscribe(channel, after=0 if channel == "jobs" else None)
            errors = 2 if key == BOB else 0
            while own.position not in positions(socket.received) or len(_of_type(socket, "error")) < errors:
                await socket.receive()
            heard[key] = socket
    assert {message["reason"] for message in _of_type(heard[BOB], "error")} == {"JOB_NOT_FOUND"}
    told = [message for message in heard[BOB].received if message["type"] != "error"]
    assert job_id not in json.dumps(told)
    assert [data["total"] for data in _of_type(heard[BOB], "queue_updated")] == [1]
    assert [data["job"]["job_id"] for data in _of_type(heard[ADA], "job_completed")] == [job_id]


def _of_type(socket: WsClient, kind: str) -> list[Any]:
    """Return the contents of the messages of a type that a client received."""
    return [message["data"] for message in socket.received if message["type"] == kind]
