"""Routes that change something, against a recording api."""

from __future__ import annotations

import pytest

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi


async def test_generate_with_everything(gateway: RunningGateway, api: RecordingApi) -> None:
    """Every field of a submission reaches the api; the answer is 202 with the job's address and position."""
    answer = await gateway.client.post(
        "/mcp/generate",
        json={
            "prompt": canned.PROMPT,
            "negative_prompt": "blurry",
            "priority": "High",
            "style": "Cinematic",
            "duration": 2,
            "model": "kinolog-tiny",
            "size": "256X128",
            "fps": 8,
            "steps": 20,
            "guidance": 4.5,
            "seed": 0,
            "max_attempts": 2,
            "request_id": "r-1",
            "webhook": "https://example.org/done",
        },
    )
    assert answer.status_code == 202, answer.text
    (asked,) = api.requests("SubmitJob")
    assert (asked.prompt, asked.negative_prompt) == (canned.PROMPT, "blurry")
    assert (asked.priority, asked.style) == (pb.PRIORITY_HIGH, "cinematic")
    assert (asked.duration_seconds, asked.width, asked.height, asked.fps) == (2.0, 256, 128, 8)
    assert (asked.steps, asked.guidance, asked.seed, asked.HasField("seed")) == (20, 4.5, 0, True)
    assert (asked.request_id, asked.webhook, asked.max_attempts) == ("r-1", "https://example.org/done", 2)
    body = answer.json()
    assert body["created"] is True
    assert body["status"] == body["job"]["status"] == "queued"
    assert answer.headers["location"] == f"/mcp/status/{body['job_id']}"
    assert answer.headers["x-kinolog-position"] == str(body["position"])


async def test_what_is_left_out_stays_out(gateway: RunningGateway, api: RecordingApi) -> None:
    """Only a prompt is needed: the model's defaults fill in the rest, and a request id is made."""
    answer = await gateway.client.post("/mcp/generate", json={"prompt": "x"})
    assert answer.status_code == 202
    (asked,) = api.requests("SubmitJob")
    assert asked.priority == pb.PRIORITY_UNSPECIFIED
    for name in ("duration_seconds", "frames", "width", "fps", "steps", "guidance", "seed", "max_attempts"):
        assert not asked.HasField(name), name
    assert len(asked.request_id) == 26


async def test_an_idempotency_key_makes_one_job(gateway: RunningGateway, api: RecordingApi) -> None:
    """The same key with the same body finds the job and answers 200; with another body it is refused."""
    headers = {"Idempotency-Key": "once"}
    first = await gateway.client.post("/mcp/generate", json={"prompt": "x"}, headers=headers)
    again = await gateway.client.post("/mcp/generate", json={"prompt": "x"}, headers=headers)
    other = await gateway.client.post("/mcp/generate", json={"prompt": "y"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["job_id"] == again.json()["job_id"]
    assert again.json()["created"] is False
    assert other.json()["reason"] == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("method", "path", "called", "status"),
    [
        ("POST", "/mcp/cancel/{}", "CancelJob", "cancelled"),
        ("POST", "/mcp/retry/{}", "RetryJob", "queued"),
        ("POST", "/mcp/prefetch/{}", "PrefetchJob", "queued"),
        ("DELETE", "/mcp/jobs/{}", "EraseJob", "queued"),
    ],
)
async def test_commands_without_a_body(
    gateway: RunningGateway, api: RecordingApi, method: str, path: str, called: str, status: str
) -> None:
    """A command needs no body, carries a request id, and answers with the job and its position."""
    job = api.add_job()
    answer = await gateway.client.request(method, path.format(job.id), headers={"Idempotency-Key": "k"})
    assert answer.status_code == 200, answer.text
    (asked,) = api.requests(called)
    assert (asked.job_id, asked.request_id) == (job.id, "k")
    assert answer.json()["status"] == status
    assert answer.json()["position"] == api.position


async def test_cancel_with_a_reason(gateway: RunningGateway, api: RecordingApi) -> None:
    """The reason of a cancellation is handed on."""
    job = api.add_job()
    await gateway.client.post(f"/mcp/cancel/{job.id}", json={"reason": "wrong colour"})
    assert api.requests("CancelJob")[0].reason == "wrong colour"


async def test_another_priority(gateway: RunningGateway, api: RecordingApi) -> None:
    """A priority is a word in any case."""
    job = api.add_job()
    answer = await gateway.client.post(f"/mcp/priority/{job.id}", json={"priority": "Critical"})
    assert answer.json()["job"]["priority"] == "critical"
    assert api.requests("ReprioritizeJob")[0].priority == pb.PRIORITY_CRITICAL


async def test_bulk_answers_for_each_job(gateway: RunningGateway, api: RecordingApi) -> None:
    """A bulk command answers for each job; one that is refused carries a problem and keeps no other back."""
    job, missing = api.add_job(), "z" * 26
    answer = await gateway.client.post(
        "/mcp/bulk", json={"action": "cancel", "job_ids": [job.id, missing], "reason": "tidy"}
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["succeeded"], body["failed"], body["position"]) == (1, 1, api.position)
    good, bad = body["results"]
    assert (good["job_id"], good["ok"], good["status"], good["error"]) == (job.id, True, "cancelled", None)
    assert (bad["ok"], bad["position"], bad["error"]["reason"]) == (False, None, "JOB_NOT_FOUND")
    assert bad["error"]["status"] == 404
    assert api.requests("BulkCancelJobs")[0].reason == "tidy"


@pytest.mark.parametrize(
    ("action", "called"),
    [
        ("retry", "BulkRetryJobs"),
        ("erase", "BulkEraseJobs"),
        ("reprioritise", "BulkReprioritizeJobs"),
        ("reprioritize", "BulkReprioritizeJobs"),
    ],
)
async def test_bulk_by_filter(gateway: RunningGateway, api: RecordingApi, action: str, called: str) -> None:
    """Each action takes a filter, with the words of the list."""
    api.add_job()
    body: dict[str, object] = {
        "action": action,
        "filter": {"status": ["failed"], "from": "2026-11-01T00:00:00Z"},
    }
    if action.startswith("reprior"):
        body["priority"] = "high"
    answer = await gateway.client.post("/mcp/bulk", json=body)
    assert answer.status_code == 200, answer.text
    (asked,) = api.requests(called)
    assert list(asked.selection.filter.statuses) == [pb.STATUS_FAILED]
    assert asked.selection.filter.created_from.ToJsonString() == "2026-11-01T00:00:00Z"
