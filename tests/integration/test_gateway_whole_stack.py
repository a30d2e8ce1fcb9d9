"""The gateway in a whole stack: a prompt over REST, watched over WebSocket, down to the bytes of the video."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

from kinolog_stack.checks.doctor_check import DoctorCheck
from kinolog_stack.checks.support_bundle import write_support_bundle
from kinolog_stack.stack import Stack
from tests.fixtures.metric_table import documented, processes_of, served
from tests.fixtures.waits import until
from tests.unit.gateway.ws_client import WsClient, connected

PROMPT = "a lantern called Marigold drifts over a lake"
SOMETIMES = {
    "kinolog_alarm",
    "kinolog_log_append_seconds",
    "kinolog_queue_jobs",
    "kinolog_queue_oldest_seconds",
    "kinolog_tenant_started_jobs_total",
    "kinolog_tenant_wait_seconds_total",
    "kinolog_tree_head_sent",
    "kinolog_verify_commits",
    "kinolog_verify_end_seconds",
    "kinolog_verify_holds",
    "kinolog_verify_seconds",
    "kinolog_worker_device_use_ratio",
}
"""Metrics that a process serves only once there is something to tell."""
ENDS = {"job_completed", "job_failed", "job_cancelled"}


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the stack's gateway."""
    async with httpx.AsyncClient(base_url=stack.addresses["gateway"], timeout=60) as http_client:
        yield http_client


@pytest.fixture
def ws_url(stack: Stack) -> str:
    """Return the address of the gateway's WebSocket."""
    return stack.addresses["gateway"].replace("http://", "ws://") + "/ws"


async def generate(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Submit a job of the fast model and return the response."""
    response = await client.post("/api/v1/generate", json={"prompt": PROMPT, "model": "card", **fields})
    assert response.status_code == 202, response.text
    body: dict[str, Any] = response.json()
    return body


async def receive_end(live: WsClient, job_id: str) -> dict[str, Any]:
    """Return the message with which a job ends."""
    while True:
        message = await live.receive()
        if message["type"] in ENDS and message["job_id"] == job_id:
            return message


async def test_from_a_prompt_to_its_video(client: httpx.AsyncClient, ws_url: str) -> None:
    """A job is received from its submission to its end, and its files match the log."""
    async with connected(ws_url) as live:
        await live.subscribe("jobs")
        await live.subscribe("queue")
        job_id = (await generate(client, style="noir"))["job_id"]
        await live.subscribe(f"job:{job_id}")
        end = await receive_end(live, job_id)
    assert end["type"] == "job_completed", end
    mine = [message for message in live.received if message.get("job_id") == job_id]
    events = [name for message in mine for name in message["data"].get("events", [])]
    assert "completed" in events
    positions = [message["position"] for message in mine if message["data"].get("job")]
    assert positions == sorted(set(positions))
    assert any(message["type"] == "queue_updated" for message in live.received)
    result = (await client.get(f"/api/v1/result/{job_id}")).json()
    for artifact in result["artifacts"]:
        link = result["links"].get(artifact["kind"])
        if link is None:
            continue
        whole = await client.get(link)
        assert sha256(whole.content).hexdigest() == artifact["sha256"]
        assert whole.headers["etag"] == f'"{artifact["sha256"]}"'
        assert len(whole.content) == artifact["size_bytes"]
        part = await client.get(link, headers={"Range": "bytes=-16"})
        assert (part.status_code, part.content) == (206, whole.content[-16:])
        cached = await client.get(link, headers={"If-None-Match": whole.headers["etag"]})
        assert cached.status_code == 304
    assert result["media"]["codec"] == "h264"


async def test_every_read_of_a_finished_job(client: httpx.AsyncClient, ws_url: str) -> None:
    """Every route responds for a finished job; lists wait for the position of its end."""
    job_id = (await generate(client))["job_id"]
    async with connected(ws_url) as live:
        await live.send(type="subscribe", channel=f"job:{job_id}")
        end = await receive_end(live, job_id)
    query = f"min_position={end['position']}"
    listed = (await client.get(f"/api/v1/jobs?{query}&status=completed&sort=updated_at&limit=100")).json()
    assert job_id in [job["job_id"] for job in listed["jobs"]]
    for path in (
        f"/api/v1/status/{job_id}",
        f"/api/v1/storyboard/{job_id}",
        f"/api/v1/logs/{job_id}",
        f"/api/v1/events/{job_id}",
        f"/api/v1/result/{job_id}/manifest",
        f"/api/v1/jobs?text=Marigold&{query}",
        "/api/v1/jobs?date_range=today&sort=duration&order=asc",
        "/api/v1/analytics/overview?date_range=today",
        "/api/v1/analytics/status-distribution?date_range=all_time",
        "/api/v1/analytics/success-rate",
        "/api/v1/analytics/stage-times?date_range=last_24_hours",
        "/api/v1/analytics/queue-depth",
        "/api/v1/analytics/queue-depth?date_range=all_time",
        "/api/v1/analytics/trends?date_range=this_month",
        "/api/v1/analytics/trends?date_range=all_time",
        "/api/v1/activity?limit=100",
        "/api/v1/models",
        "/api/v1/workers",
        "/ready",
        "/metrics",
    ):
        response = await client.get(path)
        assert response.status_code == 200, f"{path}: {response.text}"
    found = (await client.get(f"/api/v1/jobs?text=marigold&{query}")).json()
    assert job_id in [job["job_id"] for job in found["jobs"]]

    async def recorded() -> dict[str, dict[str, Any]]:
        params: dict[str, str | int] = {"query": f"job={job_id} client=python-httpx", "limit": 1_000}
        answer = (await client.get("/api/v1/audit/reads", params=params)).json()
        return {read["method"]: read for read in answer["reads"]}

    methods = {"GetJob", "GetStoryboard", "ListLogEntries", "GetHistory", "GetResult"}
    reads = await until(recorded, "the reads are recorded", lambda found: methods <= found.keys())
    assert reads["GetStoryboard"]["route"] == "GET /api/v1/storyboard/{job_id}"
    assert (reads["GetStoryboard"]["outcome"], reads["GetStoryboard"]["address"]) == ("ok", "127.0.0.1")


async def test_a_running_job_live(client: httpx.AsyncClient, ws_url: str) -> None:
    """Progress, with stages, reaches subscribers of a running job; cancelled, it ends between two steps."""
    async with connected(ws_url) as live:
        job_id = (await generate(client, model="endless-card"))["job_id"]
        await live.subscribe(f"job:{job_id}")
        while True:
            message = await live.receive_type("job_status_update")
            if message["data"]["step"]:
                break
        data = message["data"]
        assert (data["status"], data["stage"], data["steps"]) == ("processing", "denoise", 900)
        assert 0 < data["percent"] < 100
        assert any(stage["stage"] == "denoise" and stage["percent"] for stage in data["stages"])
        await client.post(f"/api/v1/cancel/{job_id}")
        end = await receive_end(live, job_id)
    assert end["type"] == "job_cancelled"
    assert (await client.get(f"/api/v1/result/{job_id}")).status_code == 409


async def test_many_clients_that_reconnect(client: httpx.AsyncClient, ws_url: str) -> None:
    """Clients that reconnect after every few messages receive the end of each of many jobs exactly once."""
    responses = [await generate(client) for _ in range(8)]
    ids = {response["job_id"] for response in responses}
    start = responses[0]["position"] - 1

    async def watch() -> list[str]:
        position, ended = start, list[str]()
        while len(ended) < len(ids):
            async with connected(ws_url) as live:
                await live.send(type="subscribe", channel="jobs", after=position)
                for _ in range(11):
                    if len(ended) == len(ids):
                        break
                    message = await live.receive()
                    position = max(position, message["position"])
                    if message["type"] in ENDS and message["job_id"] in ids:
                        ended.append(message["job_id"])
        return ended

    async with asyncio.timeout(120):
        for ended in await asyncio.gather(watch(), watch(), watch()):
            assert sorted(ended) == sorted(ids)


async def test_every_process_serves_the_metrics_of_the_table(stack: Stack, client: httpx.AsyncClient) -> None:
    """What the processes serve is in the table of docs/monitoring.md with its type and labels, and nothing lacks."""
    job_id = (await generate(client))["job_id"]
    await until(
        lambda: client.get(f"/api/v1/status/{job_id}"),
        "the job is completed",
        lambda answer: answer.json()["status"] == "completed",
    )
    table = documented()
    for process, address in {
        "api": stack.addresses["api-probe"],
        "gateway": stack.addresses["gateway"],
        "projector": stack.addresses["projector-probe"],
        "worker": stack.addresses["worker-1-probe"],
    }.items():
        found = served((await client.get(f"{address}/metrics")).text)
        assert {name: family for name, family in found.items() if table.get(name) != family} == {}, process
        expected = {name for name in table if process in processes_of(name)}
        assert set(found) <= expected, process
        assert expected - set(found) <= SOMETIMES, process


async def test_a_support_bundle_has_no_prompts_and_no_secrets(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    """After a job whose error quotes its prompt no part of the bundle has the prompt, a password or a key."""
    job_id = (await generate(client, model="quoting-card", max_attempts=1))["job_id"]
    await until(
        lambda: client.get(f"/api/v1/status/{job_id}"),
        "the job has failed",
        lambda answer: answer.json()["status"] == "failed",
    )
    environment = {
        "KINOLOG_API_KEY": "a-key-of-a-caller",
        "KINOLOG_WORKERS": "1",
        "KINOLOG_SMTP_URL": "smtp://mail",
    }
    checks = [DoctorCheck(name="mail", status="wrong", found="a-key-of-a-caller was refused")]
    file = BytesIO()
    await asyncio.to_thread(write_support_bundle, file, stack.folder, checks, environment)
    with ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {
        "checks.json",
        "versions.json",
        "settings.json",
        "files.json",
        "logs/worker-1.log",
    } <= parts.keys()
    assert {"metrics/gateway.txt", "metrics/api.txt", "ready/projector.json"} <= parts.keys()
    assert "kinolog_worker_stage_seconds_bucket" in parts["metrics/worker-1.txt"]
    assert job_id in parts["logs/worker-1.log"]
    passwords = json.loads(stack.folder.passwords.read_text(encoding="utf-8"))
    master_key = (stack.folder.path / "secrets" / "master.key").read_text(encoding="utf-8").strip()
    for secret in ("Marigold", "a-key-of-a-caller", master_key, *passwords.values()):
        assert [name for name, text in parts.items() if secret in text] == [], secret
    assert json.loads(parts["settings.json"]) == {
        "KINOLOG_API_KEY": "(set)",
        "KINOLOG_SMTP_URL": "(set)",
        "KINOLOG_WORKERS": "1",
    }
    assert "(secret) was refused" in parts["checks.json"]


async def test_everything_is_compared_by_the_service(client: httpx.AsyncClient) -> None:
    """With the rights of the projector, its program, and the files of the stack, which other tests damage."""
    await generate(client)  # the log is not empty
    started = await client.post("/api/v1/audit/verifications", json={"files": "hashes"})
    assert started.status_code == 202, started.text
    path = f"/api/v1/audit/verifications/{started.json()['verification_id']}"

    async def read() -> dict[str, Any]:
        body: dict[str, Any] = (await client.get(path)).json()
        return body

    made = await until(read, "the end of the comparison", lambda body: body["state"] != "running")
    assert made["state"] in ("holds", "differs"), made
    assert {part["name"] for part in made["parts"]} >= {"log and archive", "tree", "lists", "reads", "files"}
    assert (made["position"] > 0, made["files"], made["progress"]) == (True, "hashes", None)
    listed = (await client.get("/api/v1/audit/verifications", params={"limit": 1})).json()
    assert listed["verifications"] == [made]
