"""Command routes, against a recording api."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kinolog.ids import is_recent
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi


async def test_a_plan_has_what_a_job_would_be(gateway: RunningGateway, api: RecordingApi) -> None:
    """It takes the body of a submission, and makes no job. A seed that is drawn is null."""
    body = {"prompt": canned.PROMPT, "priority": "high", "duration": 2, "shots": "auto", "request_id": "r-1"}
    response = await gateway.client.post("/api/v1/plan", json=body)
    assert response.status_code == 200, response.text
    (request,) = api.requests("PlanJob")
    assert (request.job.prompt, request.job.duration_seconds, request.job.shots) == (
        canned.PROMPT,
        2.0,
        job_service_pb2.SHOTS_AUTO,
    )
    plan = response.json()
    assert (plan["size"], plan["duration_seconds"], plan["seed"]) == ("256x128", 2.0, None)
    assert (plan["priority"], plan["estimated_seconds"], plan["cost"]) == ("high", 12.5, 11)
    first = plan["scenes"][0]
    assert (first["prompt"], first["seed"], first["ignored_words"]) == (canned.PROMPT, None, ["zeppelin"])
    assert first["replaced_words"] == [{"word": "gren", "known": "green"}]
    seeded = (await gateway.client.post("/api/v1/plan", json=body | {"seed": 0})).json()
    assert (seeded["seed"], seeded["scenes"][1]["seed"]) == (0, 0)
    assert not api.requests("SubmitJob")
    assert (await gateway.client.post("/api/v1/plan", json={"prompt": " "})).status_code == 400


async def test_generate_with_everything(gateway: RunningGateway, api: RecordingApi) -> None:
    """Every field of a submission reaches the api; the response is 202 with the job's address and position."""
    response = await gateway.client.post(
        "/api/v1/generate",
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
            "codec": "H265",
            "crf": 22,
            "start_after": "2030-12-24T22:00:00+01:00",
            "start_timeout_seconds": 60.0,
            "variants": 2,
            "title": "Rain",
            "chained": True,
            "upscaler": "sharp-x2",
            "loras": [{"name": "ink", "weight": 0.5}],
            "profile": "Turbo",
            "interpolate_fps": 16,
        },
    )
    assert response.status_code == 202, response.text
    (request,) = api.requests("SubmitJob")
    assert (request.prompt, request.negative_prompt) == (canned.PROMPT, "blurry")
    assert (request.priority, request.style) == (pb.PRIORITY_HIGH, "cinematic")
    assert (request.duration_seconds, request.width, request.height, request.fps) == (2.0, 256, 128, 8)
    assert (request.steps, request.guidance, request.seed, request.HasField("seed")) == (20, 4.5, 0, True)
    assert (request.request_id, request.webhook, request.max_attempts) == (
        "r-1",
        "https://example.org/done",
        2,
    )
    assert (request.codec, request.crf, request.title) == ("h265", 22, "Rain")
    assert (request.start_after.ToJsonString(), request.start_timeout_seconds) == ("2030-12-24T21:00:00Z", 60)
    assert (request.chained, request.upscaler, request.interpolate_fps) == (True, "sharp-x2", 16)
    assert [(lora.name, lora.weight) for lora in request.loras] == [("ink", 0.5)]
    assert request.profile == "turbo"
    body = response.json()
    assert [job["variant"] for job in body["variants"]] == [None, 2]
    assert body["variants"][1]["variant_of"] == body["variants"][0]["job_id"] == body["job_id"]
    assert body["created"] is True
    assert body["status"] == body["job"]["status"] == "queued"
    assert response.headers["location"] == f"/api/v1/status/{body['job_id']}"
    assert response.headers["x-kinolog-position"] == str(body["position"])


async def test_what_is_left_out_stays_out(gateway: RunningGateway, api: RecordingApi) -> None:
    """Only a prompt is needed: the model's defaults fill in the rest, and a request id is generated."""
    response = await gateway.client.post("/api/v1/generate", json={"prompt": "x"})
    assert response.status_code == 202
    (request,) = api.requests("SubmitJob")
    assert request.priority == pb.PRIORITY_UNSPECIFIED
    for name in ("duration_seconds", "frames", "width", "fps", "steps", "guidance", "seed", "max_attempts"):
        assert not request.HasField(name), name
    assert is_recent(request.request_id, datetime.now(UTC))


async def test_scenes_reach_the_api(gateway: RunningGateway, api: RecordingApi) -> None:
    """Each scene has its text, length, transition and seed; what is left out stays out."""
    scenes = [
        {"prompt": "a star", "duration": 2, "transition": "Fade"},
        {"prompt": "a ring", "duration": 1.5, "transition": "dissolve", "seed": 0},
        {"prompt": "a ball", "duration": 1, "transition": "cut"},
    ]
    response = await gateway.client.post("/api/v1/generate", json={"scenes": scenes})
    assert response.status_code == 202, response.text
    await gateway.client.post("/api/v1/generate", json={"prompt": "noir", "scenes": [{"prompt": "a star"}]})
    first, second = api.requests("SubmitJob")
    assert (first.prompt, first.shots) == ("", job_service_pb2.SHOTS_UNSPECIFIED)
    assert list(first.scenes) == [
        job_service_pb2.SceneRequest(
            prompt="a star", duration_seconds=2, transition=job_service_pb2.TRANSITION_FADE
        ),
        job_service_pb2.SceneRequest(
            prompt="a ring", duration_seconds=1.5, transition=job_service_pb2.TRANSITION_DISSOLVE, seed=0
        ),
        job_service_pb2.SceneRequest(
            prompt="a ball", duration_seconds=1, transition=job_service_pb2.TRANSITION_CUT
        ),
    ]
    assert (second.prompt, list(second.scenes)) == ("noir", [job_service_pb2.SceneRequest(prompt="a star")])


async def test_shots_reach_the_api(gateway: RunningGateway, api: RecordingApi) -> None:
    """Both words for the shots of a prompt, in any case; without one the api decides."""
    for word in ("one", "AUTO", None):
        response = await gateway.client.post("/api/v1/generate", json={"prompt": "x", "shots": word})
        assert response.status_code == 202, response.text
    assert [request.shots for request in api.requests("SubmitJob")] == [
        job_service_pb2.SHOTS_ONE,
        job_service_pb2.SHOTS_AUTO,
        job_service_pb2.SHOTS_UNSPECIFIED,
    ]


async def test_an_idempotency_key_makes_one_job(gateway: RunningGateway, api: RecordingApi) -> None:
    """The same key with the same body returns the earlier job with 200; with another body it is refused."""
    headers = {"Idempotency-Key": "once"}
    first = await gateway.client.post("/api/v1/generate", json={"prompt": "x"}, headers=headers)
    again = await gateway.client.post("/api/v1/generate", json={"prompt": "x"}, headers=headers)
    other = await gateway.client.post("/api/v1/generate", json={"prompt": "y"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["job_id"] == again.json()["job_id"]
    assert again.json()["created"] is False
    assert other.json()["reason"] == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("method", "path", "called", "status"),
    [
        ("POST", "/api/v1/cancel/{}", "CancelJob", "cancelled"),
        ("POST", "/api/v1/retry/{}", "RetryJob", "queued"),
        ("POST", "/api/v1/prefetch/{}", "PrefetchJob", "queued"),
        ("DELETE", "/api/v1/jobs/{}", "EraseJob", "queued"),
    ],
)
async def test_commands_without_a_body(
    gateway: RunningGateway, api: RecordingApi, method: str, path: str, called: str, status: str
) -> None:
    """A command needs no body, carries a request id, and returns the job and its position."""
    job = api.add_job()
    response = await gateway.client.request(method, path.format(job.id), headers={"Idempotency-Key": "k"})
    assert response.status_code == 200, response.text
    (request,) = api.requests(called)
    assert (request.job_id, request.request_id) == (job.id, "k")
    assert response.json()["status"] == status
    assert response.json()["position"] == api.position


async def test_cancel_with_a_reason(gateway: RunningGateway, api: RecordingApi) -> None:
    """The reason of a cancellation reaches the api."""
    job = api.add_job()
    await gateway.client.post(f"/api/v1/cancel/{job.id}", json={"reason": "wrong colour"})
    assert api.requests("CancelJob")[0].reason == "wrong colour"


async def test_another_priority(gateway: RunningGateway, api: RecordingApi) -> None:
    """A priority is a name in any case."""
    job = api.add_job()
    response = await gateway.client.post(f"/api/v1/priority/{job.id}", json={"priority": "Critical"})
    assert response.json()["job"]["priority"] == "critical"
    assert api.requests("ReprioritizeJob")[0].priority == pb.PRIORITY_CRITICAL


async def test_bulk_answers_for_each_job(gateway: RunningGateway, api: RecordingApi) -> None:
    """A bulk command returns a result for each job; a refused job has a problem and does not affect the others."""
    job, missing = api.add_job(), "z" * 26
    response = await gateway.client.post(
        "/api/v1/bulk", json={"action": "cancel", "job_ids": [job.id, missing], "reason": "tidy"}
    )
    assert response.status_code == 200, response.text
    body = response.json()
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
        ("pause", "BulkPauseJobs"),
        ("resume", "BulkResumeJobs"),
        ("reprioritise", "BulkReprioritizeJobs"),
        ("reprioritize", "BulkReprioritizeJobs"),
    ],
)
async def test_bulk_by_filter(gateway: RunningGateway, api: RecordingApi, action: str, called: str) -> None:
    """Each action takes a filter, with the fields of the list."""
    api.add_job()
    body: dict[str, object] = {
        "action": action,
        "filter": {"status": ["failed"], "from": "2026-11-01T00:00:00Z"},
    }
    if action.startswith("reprior"):
        body["priority"] = "high"
    response = await gateway.client.post("/api/v1/bulk", json=body)
    assert response.status_code == 200, response.text
    (request,) = api.requests(called)
    assert list(request.selection.filter.statuses) == [pb.STATUS_FAILED]
    assert request.selection.filter.created_from.ToJsonString() == "2026-11-01T00:00:00Z"


@pytest.mark.parametrize(
    "selection",
    [
        {},
        {"variant_of": None},
        {"status": [], "model": []},
        {"text": " "},
        {"startable": False, "utc_offset": "+02:00"},
    ],
)
async def test_a_filter_without_a_value_commands_no_job(
    gateway: RunningGateway, api: RecordingApi, selection: dict[str, object]
) -> None:
    """A field that is null or empty selects nothing, as a missing field: no action is for every job by chance."""
    api.add_job()
    response = await gateway.client.post("/api/v1/bulk", json={"action": "erase", "filter": selection})
    assert response.status_code == 400, response.text
    assert "must have at least one field" in response.text
    assert not api.requests("BulkEraseJobs")
