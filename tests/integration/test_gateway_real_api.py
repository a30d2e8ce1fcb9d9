"""The gateway in front of the real api, over memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kinolog.job.values import Stage
from kinolog.ports.progress import LogLevel, LogLine, PreviewImage, Progress
from kinolog.process.api_keys import read_keys
from tests.builders.running_api import RunningApi, running_api
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.test_bad_input import problem_of
from tests.unit.gateway.test_tickets import handshake
from tests.unit.gateway.ws_client import WsClient, connected, positions

PROMPT = "a heron named Quillfeather stands in a pond"
OPERATOR = "operator-key-0123456789"
AT = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """The real api over memory."""
    async with running_api() as running:
        yield running


@pytest.fixture
async def gateway(api: RunningApi) -> AsyncIterator[RunningGateway]:
    """A gateway in front of it."""
    async with running_gateway(api.target) as running:
        yield running


async def generate(gateway: RunningGateway, **fields: Any) -> dict[str, Any]:
    """Submit a job and return the response."""
    response = await gateway.client.post("/api/v1/generate", json={"prompt": PROMPT, **fields})
    assert response.status_code == 202, response.text
    body: dict[str, Any] = response.json()
    return body


def progress(job_id: str, step: int) -> Progress:
    """Return the progress after a finished denoising step."""
    return Progress(
        job_id=job_id,
        attempt=1,
        at=AT,
        worker="w1",
        stage=Stage.DENOISE,
        scene=0,
        scenes=1,
        step=step,
        steps=20,
        percent=step * 5.0,
        eta_seconds=20.0 - step,
    )


async def test_a_job_through_every_read(gateway: RunningGateway, api: RunningApi) -> None:
    """A job submitted over REST is rendered, completed, and read back from every route about it."""
    submitted = await generate(gateway, style="Cinematic", priority="High", duration=2, seed=11)
    job_id = submitted["job_id"]
    job = submitted["job"]
    assert (job["style"], job["priority"], job["seed"]) == ("cinematic", "high", 11)
    assert job["duration"] == pytest.approx(2.0, abs=0.2)
    content = bytes(range(256)) * 64
    await api.complete(job_id, content)
    get = gateway.client.get
    status = (await get(f"/api/v1/status/{job_id}")).json()
    assert (status["status"], status["percent"], status["prompt"]) == ("completed", 100.0, PROMPT)
    assert (await get(f"/api/v1/storyboard/{job_id}")).json()["scenes"][0]["prompt"]
    result = (await get(f"/api/v1/result/{job_id}")).json()
    video = await get(result["links"]["video"])
    assert video.content == content
    part = await get(result["links"]["video"], headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    history = (await get(f"/api/v1/events/{job_id}")).json()
    names = [event["type"] for commit in history["commits"] for event in commit["events"]]
    assert names[0] == "submitted"
    assert names[-1] == "completed"
    assert PROMPT not in str(history["commits"])
    first = history["commits"][0]["position"]
    earlier = (await get(f"/api/v1/events/{job_id}?as_of={first}")).json()
    assert earlier["job"]["status"] == "queued"
    manifest = (await get(result["links"]["manifest"])).json()
    assert manifest["record"]["hash"] == history["commits"][-1]["hash"]
    listed = (await get(f"/api/v1/jobs?min_position={status['position']}&text=Quillfeather")).json()
    assert [item["job_id"] for item in listed["jobs"]] == [job_id]
    assert listed["summary"]["completed"] == 1


async def test_a_record_is_proved(gateway: RunningGateway, api: RunningApi) -> None:
    """The record of a completed job is valid; after its video is truncated, the proof names the file."""
    job_id = (await generate(gateway))["job_id"]
    artifact = await api.complete(job_id)
    whole = (await gateway.client.get(f"/api/v1/audit/{job_id}")).json()
    assert whole["valid"]
    assert [check["name"] for check in whole["checks"]][-1] == "artifacts"
    api.artifacts.replace(artifact.key, b"vid")
    response = await gateway.client.get(f"/api/v1/audit/{job_id}")
    assert response.status_code == 200
    broken = [check for check in response.json()["checks"] if not check["holds"]]
    assert [(check["name"], artifact.key in check["detail"]) for check in broken] == [("artifacts", True)]
    assert not response.json()["valid"]


async def test_what_only_the_api_knows_is_wrong(gateway: RunningGateway) -> None:
    """Unknown models, styles and sizes are refused with REST's name of the field."""
    for fields, field in (
        ({"model": "nothing"}, "model"),
        ({"style": "baroque"}, "style"),
        ({"size": "100x100"}, "size"),
        ({"steps": 1000}, "steps"),
        ({"duration": 600, "fps": 120}, "duration"),
    ):
        response = await gateway.client.post("/api/v1/generate", json={"prompt": PROMPT, **fields})
        assert response.status_code == 400, response.text
        assert [violation["field"] for violation in response.json()["violations"]] == [field], response.text
        assert PROMPT not in response.text


async def test_commands(gateway: RunningGateway, api: RunningApi) -> None:
    """Cancel, retry, reprioritize, prefetch and erase work, and are refused when the status does not allow them."""
    post = gateway.client.post
    job_id = (await generate(gateway))["job_id"]
    assert (await post(f"/api/v1/prefetch/{job_id}")).status_code == 200
    changed = await post(f"/api/v1/priority/{job_id}", json={"priority": "critical"})
    assert changed.json()["job"]["priority"] == "critical"
    assert (await gateway.client.get(f"/api/v1/result/{job_id}")).status_code == 409
    assert (await gateway.client.delete(f"/api/v1/jobs/{job_id}")).status_code == 409
    cancelled = await post(f"/api/v1/cancel/{job_id}", json={"reason": "wrong colour"})
    assert cancelled.json()["status"] == "cancelled"
    assert (await post(f"/api/v1/retry/{job_id}")).json()["status"] == "queued"
    assert (await post(f"/api/v1/cancel/{job_id}")).json()["status"] == "cancelled"
    erased = await gateway.client.delete(f"/api/v1/jobs/{job_id}")
    assert erased.status_code == 200, erased.text
    assert erased.json()["job"]["erased"]
    assert erased.json()["job"]["prompt"] is None


async def test_the_same_request_twice(gateway: RunningGateway) -> None:
    """The same key returns the same job; with another body it is refused."""
    headers = {"Idempotency-Key": "nightly"}
    body = {"prompt": PROMPT}
    first = await gateway.client.post("/api/v1/generate", json=body, headers=headers)
    again = await gateway.client.post("/api/v1/generate", json=body, headers=headers)
    other = await gateway.client.post("/api/v1/generate", json={"prompt": "else"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["job_id"] == again.json()["job_id"]


async def test_bulk(gateway: RunningGateway) -> None:
    """A bulk command by filter returns a result for each matching job."""
    low = [(await generate(gateway, priority="low"))["job_id"] for _ in range(3)]
    high = (await generate(gateway, priority="high"))["job_id"]
    body = {"action": "cancel", "filter": {"priority": ["low"]}}
    response = (await gateway.client.post("/api/v1/bulk", json=body)).json()
    assert sorted(result["job_id"] for result in response["results"]) == sorted(low)
    assert response["succeeded"] == 3
    assert (await gateway.client.get(f"/api/v1/status/{high}")).json()["status"] == "queued"
    body = {"action": "retry", "job_ids": [low[0], high, "z" * 26]}
    response = (await gateway.client.post("/api/v1/bulk", json=body)).json()
    assert [result["ok"] for result in response["results"]] == [True, False, False]
    assert [result["error"]["status"] for result in response["results"][1:]] == [409, 404]


async def test_charts_and_catalogue(gateway: RunningGateway, api: RunningApi) -> None:
    """Charts, activity, models and workers respond with the real api."""
    job_id = (await generate(gateway))["job_id"]
    await api.complete(job_id)
    for path in (
        "/api/v1/analytics/overview?date_range=all_time",
        "/api/v1/analytics/status-distribution",
        "/api/v1/analytics/success-rate?from=2026-04-01T00:00:00Z",
        "/api/v1/analytics/stage-times",
        "/api/v1/analytics/queue-depth?from=2026-04-30T00:00:00Z&to=2026-05-02T00:00:00Z",
        "/api/v1/analytics/trends?bucket_seconds=86400",
        "/api/v1/activity",
        "/api/v1/models",
        "/api/v1/workers",
        "/ready",
    ):
        response = await gateway.client.get(path)
        assert response.status_code == 200, f"{path}: {response.text}"
    models = (await gateway.client.get("/api/v1/models")).json()["models"]
    assert "kinolog-tiny" in [model["name"] for model in models]


async def receive_step(client: WsClient, step: int) -> dict[str, Any]:
    """Return the progress of a step."""
    while (message := await client.receive_type("job_status_update"))["data"]["step"] != step:
        pass
    return message


async def test_a_job_live(gateway: RunningGateway, api: RunningApi) -> None:
    """Commits, progress, previews and log lines of the real api arrive, each in its message."""
    job_id = (await generate(gateway))["job_id"]
    async with connected(gateway.ws_url) as client:
        await client.subscribe(f"job:{job_id}")
        await client.subscribe(f"logs:{job_id}")
        await api.start_attempt(job_id)
        while "attempt_started" not in (await client.receive_type("job_status_update"))["data"]["events"]:
            pass
        await api.progress.publish(progress(job_id, 4))
        message = await receive_step(client, 4)
        assert (message["data"]["stage"], message["data"]["percent"]) == ("denoise", 20.0)
        picture = PreviewImage(
            job_id=job_id, attempt=1, at=AT, scene=0, step=4, media_type="image/jpeg", image=b"\xff\xd8"
        )
        await api.progress.publish(picture)
        assert (await client.receive_type("job_preview"))["data"]["media_type"] == "image/jpeg"
        await api.progress.publish(
            LogLine(job_id=job_id, attempt=1, at=AT, level=LogLevel.INFO, message="weights loaded")
        )
        assert (await client.receive_type("job_log_entry"))["data"]["message"] == "weights loaded"
        await gateway.client.post(f"/api/v1/cancel/{job_id}")
        message = await client.receive_type("job_status_update")
        assert message["data"]["job"]["cancel_requested"]
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel=f"logs:{job_id}", after=0)
        assert (await client.receive())["data"]["message"] == "weights loaded"


async def test_reconnecting(gateway: RunningGateway, api: RunningApi) -> None:
    """Clients that reconnect while jobs progress receive each end exactly once."""
    ids = [(await generate(gateway))["job_id"] for _ in range(20)]
    ended: list[str] = []

    async def watch() -> None:
        position = 0
        while len(ended) < len(ids):
            async with connected(gateway.ws_url) as client:
                await client.send(type="subscribe", channel="jobs", after=position)
                for _ in range(9):
                    if len(ended) == len(ids):
                        break
                    message = await client.receive()
                    position = max(position, message["position"])
                    if message["type"] == "job_completed":
                        ended.append(message["job_id"])

    async def work() -> None:
        for job_id in ids:
            await api.complete(job_id)

    async with asyncio.timeout(60):
        await asyncio.gather(watch(), work())
    assert sorted(ended) == sorted(ids)


async def test_a_position_ahead_of_the_log(gateway: RunningGateway) -> None:
    """A position that the log has not reached is answered with an error that names the channel."""
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel="jobs", after=10**9)
        message = await client.receive()
    assert (message["data"]["reason"], message["data"]["channel"]) == ("POSITION_AHEAD", "jobs")


async def test_an_erased_job_leaves_no_prompt(gateway: RunningGateway) -> None:
    """Once a job is erased, no message contains its prompt, not even for a client that resumes from before."""
    submitted = await generate(gateway)
    job_id = submitted["job_id"]
    await gateway.client.post(f"/api/v1/cancel/{job_id}")
    erased = (await gateway.client.delete(f"/api/v1/jobs/{job_id}")).json()
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel="jobs", after=0)
        received = await client.receive_until(erased["position"])
    assert len(positions(received)) >= 3
    assert PROMPT not in str(received)


async def test_what_a_browser_reads_without_a_key(tmp_path: Path) -> None:
    """A link and a WebSocket by tickets work, each as often as it may, and end with the job and with the key."""
    key_file = tmp_path / "keys"
    key_file.write_text(f"{OPERATOR} *\n")
    key_file.chmod(0o600)
    content = bytes(range(256)) * 64
    async with running_api(read_keys(key_file)) as api, running_gateway(api.target, key_file) as gateway:
        client, operator = gateway.client, {"Authorization": f"Bearer {OPERATOR}"}
        new_key = {"tenant": "studio", "actor": "ada"}
        made = (await client.post("/api/v1/keys", json=new_key, headers=operator)).json()
        ada = {"Authorization": f"Bearer {made['secret']}"}
        jobs = []
        for _ in range(2):
            response = await client.post("/api/v1/generate", json={"prompt": PROMPT}, headers=ada)
            jobs.append(response.json()["job_id"])
            await api.complete(jobs[-1], content)
        links = []
        for job_id in jobs:
            ticket = (await client.post("/api/v1/tickets", json={"job_id": job_id}, headers=ada)).json()
            links.append(ticket["links"]["video"])
        for _ in range(2):
            part = await client.get(links[0], headers={"Range": "bytes=100-199"})
            assert (part.status_code, part.content) == (206, content[100:200])
        problem_of(await client.get(links[0].replace(jobs[0], jobs[1])), 403)
        offered = (await client.post("/api/v1/tickets", headers=ada)).json()["subprotocols"]
        async with handshake(gateway.ws_url, *offered) as socket:
            follower = WsClient(socket)
            await follower.subscribe("jobs")
            await client.delete(f"/api/v1/jobs/{jobs[0]}", headers=ada)
            assert (await follower.receive())["job_id"] == jobs[0]
            erased = problem_of(await client.get(links[0]), 409)
            assert erased["reason"] == "JOB_ERASED"
            with pytest.raises(InvalidStatus):
                async with handshake(gateway.ws_url, *offered):
                    pass
            assert (await client.get(links[1])).content == content
            await client.delete(f"/api/v1/keys/{made['key_id']}", headers=operator)
            assert problem_of(await client.get(links[1]), 401)["reason"] == "TICKET_REFUSED"
            with suppress(ConnectionClosed):
                while True:
                    await follower.receive()
            assert socket.close_code == 1008
