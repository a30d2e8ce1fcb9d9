"""Routes that read, against a recording api."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.test_bad_input import problem_of


async def test_status_of_a_running_job(gateway: RunningGateway, api: RecordingApi) -> None:
    """Status shows percent, stages, scene, attempt and timings of a running job."""
    job = canned.started(api.add_job())
    job.percent, job.eta_seconds = 40.0, 12.5
    api.commit(job, "attempt_started")
    response = await gateway.client.get(f"/api/v1/status/{job.id}")
    assert response.status_code == 200
    body = response.json()
    assert body["job_id"] == job.id
    assert (body["status"], body["stage"], body["scene"], body["scenes"]) == ("processing", "denoise", 0, 2)
    assert (body["percent"], body["eta_seconds"], body["queue_position"]) == (40.0, 12.5, None)
    assert body["stages"][0] == {
        "stage": "prefetch",
        "scene": None,
        "percent": 100.0,
        "started_at": "2026-11-22T15:00:05Z",
        "seconds": 1.0,
    }
    assert body["timings"] == {"wait_seconds": 5.0, "run_seconds": None, "total_seconds": None}
    assert (body["size"], body["duration"], body["prompt"]) == ("256x128", 2.0, canned.PROMPT)
    assert body["links"]["video"] is None
    assert response.headers["x-kinolog-position"] == str(job.position) == str(body["position"])


async def test_a_list_with_filters(gateway: RunningGateway, api: RecordingApi) -> None:
    """Filters, order and page reach the api under its own names; the summary counts every status."""
    api.add_job()
    api.commit(canned.completed(api.add_job()), "completed")
    response = await gateway.client.get(
        "/api/v1/jobs?status=queued,failed&status=Cancelled&priority=low&model=m1&style=Noir&text=circle"
        "&from=2026-11-01T00:00:00Z&to=2026-11-30T00:00:00%2B01:00&sort=progress&order=asc&limit=5&offset=0"
        f"&min_position=2&variant_of={'v' * 26}&startable=true"
    )
    assert response.status_code == 200, response.text
    (request,) = api.requests("ListJobs")
    assert list(request.filter.statuses) == [pb.STATUS_QUEUED, pb.STATUS_FAILED, pb.STATUS_CANCELLED]
    assert list(request.filter.priorities) == [pb.PRIORITY_LOW]
    assert (list(request.filter.models), list(request.filter.styles)) == (["m1"], ["noir"])
    assert request.filter.text == "circle"
    assert (request.filter.variant_of, request.filter.startable) == ("v" * 26, True)
    assert request.filter.created_from.ToJsonString() == "2026-11-01T00:00:00Z"
    assert request.filter.created_before.ToJsonString() == "2026-11-29T23:00:00Z"
    assert (request.order_by, request.page_size, request.min_position) == ("progress asc", 5, 2)
    (counted,) = api.requests("SummarizeJobs")
    assert not counted.filter.statuses
    assert (counted.filter.variant_of, counted.filter.startable) == ("v" * 26, False)
    assert list(counted.filter.models) == ["m1"]
    body = response.json()
    assert body["summary"] == {
        "total": 2,
        "queued": 1,
        "processing": 0,
        "completed": 1,
        "failed": 0,
        "cancelled": 0,
    }
    assert (body["limit"], body["offset"], body["total"], body["next_cursor"]) == (5, 0, 1, None)
    assert [job["status"] for job in body["jobs"]] == ["queued"]


async def test_a_cursor_is_passed_on(gateway: RunningGateway, api: RecordingApi) -> None:
    """The cursor of a page is the token of the next one."""
    for _ in range(3):
        api.add_job()
    first = (await gateway.client.get("/api/v1/jobs?limit=2")).json()
    assert first["next_cursor"] == "more"
    await gateway.client.get("/api/v1/jobs", params={"limit": 2, "cursor": first["next_cursor"]})
    assert api.requests("ListJobs")[-1].page_token == "more"


async def test_a_span_by_its_name_stays_the_same_on_every_page(
    gateway: RunningGateway, api: RecordingApi
) -> None:
    """The next page of the last seven days starts where the first did; an altered cursor is refused."""
    for _ in range(3):
        api.add_job()
    params: dict[str, str | int] = {"limit": 1, "date_range": "last_7_days"}
    for _ in range(3):
        page = (await gateway.client.get("/api/v1/jobs", params=params)).json()
        params["cursor"] = page["next_cursor"]
    first, second, third = api.requests("ListJobs")
    assert first.filter == second.filter == third.filter
    assert second.page_token == third.page_token == "more"
    response = await gateway.client.get("/api/v1/jobs?date_range=today&cursor=more~!")
    assert response.json()["violations"][0]["field"] == "cursor"


async def test_a_position_in_the_header_is_waited_for(gateway: RunningGateway, api: RecordingApi) -> None:
    """X-Kinolog-Position is the same as min_position; the greater of both counts."""
    headers = {"X-Kinolog-Position": "7"}
    await gateway.client.get("/api/v1/jobs?min_position=5", headers=headers)
    await gateway.client.get("/api/v1/analytics/status-distribution?min_position=9", headers=headers)
    assert api.requests("ListJobs")[0].min_position == 7
    assert api.requests("SummarizeJobs")[-1].min_position == 9


async def test_date_ranges_by_name(gateway: RunningGateway, api: RecordingApi) -> None:
    """A named span starts at a midnight in UTC; all_time is open."""
    for word in ("today", "This Week", "this_month", "last_7_days", "all_time"):
        response = await gateway.client.get("/api/v1/jobs", params={"date_range": word})
        assert response.status_code == 200, response.text
    today, week, month, days, ever = (request.filter for request in api.requests("ListJobs"))
    assert today.created_from.seconds % 86_400 == 0
    assert week.created_from.ToDatetime().weekday() == 0
    assert month.created_from.ToDatetime().day == 1
    assert not today.HasField("created_before")
    assert days.HasField("created_from")
    assert not ever.HasField("created_from")


@pytest.mark.parametrize(
    ("utc_offset", "minutes"),
    [("+02:00", 120), (" 02:00", 120), ("-0530", -330), ("Z", 0), ("+14:00", 840)],
)
async def test_days_are_those_of_the_given_clock(
    gateway: RunningGateway, api: RecordingApi, utc_offset: str, minutes: int
) -> None:
    """With an offset from UTC, named spans begin at a midnight of that clock, in lists, charts and bulk commands."""
    params = {"date_range": "this_week", "utc_offset": utc_offset}
    assert (await gateway.client.get("/api/v1/jobs", params=params)).status_code == 200
    assert (await gateway.client.get("/api/v1/analytics/trends", params=params)).status_code == 200
    body = {"action": "cancel", "filter": params}
    assert (await gateway.client.post("/api/v1/bulk", json=body)).status_code == 200
    starts = [
        api.requests("ListJobs")[0].filter.created_from,
        getattr(api.requests("GetTrends")[0].range, "from"),
        api.requests("BulkCancelJobs")[0].selection.filter.created_from,
    ]
    for start in starts:
        local = start.ToDatetime() + timedelta(minutes=minutes)
        assert (local.weekday(), local.hour, local.minute, local.second) == (0, 0, 0, 0)


@pytest.mark.parametrize("utc_offset", ["", "Berlin", "+2", "+15:00", "+02:60", "+02:00:00", "++2:00"])
async def test_a_wrong_offset_is_named(gateway: RunningGateway, utc_offset: str) -> None:
    """What is no offset from UTC is refused by name."""
    params = {"date_range": "today", "utc_offset": utc_offset}
    problem = problem_of(await gateway.client.get("/api/v1/jobs", params=params), 400)
    assert [violation["field"] for violation in problem["violations"]] == ["utc_offset"]


async def test_an_offset_alone_selects_no_jobs(gateway: RunningGateway) -> None:
    """A bulk command whose filter has an offset and nothing else is refused: it would match every job."""
    body = {"action": "cancel", "filter": {"utc_offset": "+02:00"}}
    problem = problem_of(await gateway.client.post("/api/v1/bulk", json=body), 400)
    assert [violation["field"] for violation in problem["violations"]] == ["filter"]


async def test_a_storyboard(gateway: RunningGateway, api: RecordingApi) -> None:
    """A storyboard shows each scene with its prompt, timing and camera."""
    job = api.add_job()
    body = (await gateway.client.get(f"/api/v1/storyboard/{job.id}")).json()
    assert body["duration_seconds"] == 2.0
    assert body["scenes"][1] == {
        "index": 1,
        "prompt": "scene 1",
        "start_seconds": 1.0,
        "duration_seconds": 1.0,
        "frames": 8,
        "camera": "pan left",
        "transition": "cut",
        "seed": 8,
        "status": "queued",
        "video": None,
        "thumbnail": None,
    }


async def test_log_lines(gateway: RunningGateway, api: RecordingApi) -> None:
    """Log lines come with the sequence to continue after."""
    job = api.add_job()
    for sequence in range(1, 6):
        api.send_update(log=canned.line(job, sequence))
    body = (await gateway.client.get(f"/api/v1/logs/{job.id}?after=2&limit=2&level=info")).json()
    assert [entry["message"] for entry in body["entries"]] == ["line 3", "line 4"]
    assert body["next_after"] == 4
    request = api.requests("ListLogEntries")[0]
    assert (request.page_size, request.after_sequence, request.min_level) == (2, 2, pb.LOG_LEVEL_INFO)


async def test_history_at_a_position(gateway: RunningGateway, api: RecordingApi) -> None:
    """History up to a position has the commits until then, without sealed texts, and the state then."""
    job = api.add_job()
    first = job.position
    api.commit(canned.started(job), "attempt_started")
    body = (await gateway.client.get(f"/api/v1/events/{job.id}?as_of={first}")).json()
    assert [commit["position"] for commit in body["commits"]] == [first]
    assert [event["type"] for event in body["commits"][0]["events"]] == ["submitted", "queued"]
    data = body["commits"][0]["events"][0]["data"]
    assert (data["spec"]["model"], data["spec"]["seed"], data["priority"]) == ("kinolog-tiny", 0, "high")
    assert "prompt" not in data["spec"]
    assert body["job"]["status"] == "queued"
    later = (await gateway.client.get(f"/api/v1/events/{job.id}")).json()
    assert later["job"]["status"] == "processing"


async def test_history_at_a_time(gateway: RunningGateway, api: RecordingApi) -> None:
    """as_of may be a time, also one whose plus was decoded as a space."""
    job = api.add_job()
    for text in ("2026-11-22T16:00:00+01:00", "2026-11-22T15:00:00Z"):
        response = await gateway.client.get(f"/api/v1/events/{job.id}?as_of={text}")
        assert response.status_code == 200, response.text
    assert {request.time.ToJsonString() for request in api.requests("GetHistory")} == {"2026-11-22T15:00:00Z"}


async def test_a_proof(gateway: RunningGateway, api: RecordingApi) -> None:
    """The proof of a record lists every check, passed or failed, as a success."""
    job = api.add_job()
    response = await gateway.client.get(f"/api/v1/audit/{job.id}")
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "job_id": job.id,
        "valid": False,
        "checks": [
            {"name": "chain", "holds": True, "detail": "3 commits with 5 events"},
            {"name": "artifacts", "holds": False, "detail": "video sha256/ab/cd.mp4 is not stored"},
        ],
    }
    assert [request.job_id for request in api.requests("VerifyJob")] == [job.id]


async def test_charts(gateway: RunningGateway, api: RecordingApi) -> None:
    """Every chart responds; unknown numbers are null."""
    overview = (await gateway.client.get("/api/v1/analytics/overview?date_range=last_30_days")).json()
    assert overview["submitted"] == 5
    assert (overview["success_rate"], overview["mean_seconds"]) == (0.0, None)
    rates = (await gateway.client.get("/api/v1/analytics/success-rate")).json()
    assert [(rate["priority"], rate["rate"]) for rate in rates["rates"]] == [("high", 0.75), ("low", None)]
    stages = (await gateway.client.get("/api/v1/analytics/stage-times")).json()
    assert stages["stages"][0]["stage"] == "denoise"
    depth = (await gateway.client.get("/api/v1/analytics/queue-depth?bucket_seconds=60")).json()
    assert depth["points"][0]["queued"] == 2
    assert depth["points"][0]["peak_queued"] == 5
    trends = (await gateway.client.get("/api/v1/analytics/trends")).json()
    assert trends["points"][0]["submitted"] == 4
    assert not api.requests("GetTrends")[0].range.HasField("from")
    assert api.requests("GetOverview")[0].range.HasField("from")
    assert api.requests("GetQueueDepth")[0].bucket_seconds == 60
    feed = (await gateway.client.get("/api/v1/activity?limit=5&before=10")).json()
    assert feed["entries"][0]["event"] == "completed"
    assert feed["next_before"] == 9


async def test_the_catalogue(gateway: RunningGateway, api: RecordingApi) -> None:
    """Models and workers are listed with every field that a form needs."""
    (model,) = (await gateway.client.get("/api/v1/models")).json()["models"]
    assert model["is_default"]
    assert (model["defaults"]["size"], model["defaults"]["duration"]) == ("256x256", 17 / 8)
    (worker,) = (await gateway.client.get("/api/v1/workers")).json()["workers"]
    assert (worker["name"], worker["stage"], worker["step"]) == ("worker-1", "denoise", 3)


async def test_alarms_are_listed(gateway: RunningGateway, api: RecordingApi) -> None:
    """Alarms have a name, a severity, a text, a source and a start, and what the api tells this caller beside that."""
    assert (await gateway.client.get("/api/v1/alarms")).json() == {"alarms": []}
    api.alarms.append(canned.alarm())
    api.alarms[0].details = "job 7 waits"
    (alarm,) = (await gateway.client.get("/api/v1/alarms")).json()["alarms"]
    assert alarm == {
        "name": "storage-full",
        "severity": "refuse_writes",
        "text": "make room",
        "source": "kinolog up",
        "since": "2026-11-22T15:00:00Z",
        "details": "job 7 waits",
        "instance": "",
    }


async def test_ready_tells_the_alarms(gateway: RunningGateway, api: RecordingApi) -> None:
    """A warning leaves the gateway ready; an alarm that refuses writes does not, and the body says why."""
    api.alarms.append(canned.alarm(pb.ALARM_SEVERITY_WARNING))
    response = await gateway.client.get("/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert [alarm["name"] for alarm in response.json()["alarms"]] == ["storage-full"]
    api.alarms[:] = [canned.alarm()]
    response = await gateway.client.get("/ready")
    assert (response.status_code, response.json()["status"]) == (503, "refusing writes")
    assert response.json()["detail"] == "make room"
    assert response.headers["retry-after"] == "10"


async def test_stale_lists_have_a_header(gateway: RunningGateway, api: RecordingApi) -> None:
    """A list whose read models do not follow the log says how old it is; another one does not."""
    api.add_job()
    assert "x-kinolog-stale-seconds" not in (await gateway.client.get("/api/v1/jobs")).headers
    api.stale_seconds = 34
    for path in ("/api/v1/jobs", "/api/v1/analytics/overview"):
        response = await gateway.client.get(path)
        assert (response.status_code, response.headers["x-kinolog-stale-seconds"]) == (200, "34")
    api.stale_seconds = 0
    assert "x-kinolog-stale-seconds" not in (await gateway.client.get("/api/v1/jobs")).headers
