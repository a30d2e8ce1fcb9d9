"""Schedules, by both clients against a real gateway."""

from __future__ import annotations

from kinolog_client import VideoRequest, VideoScene
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.recording_schedules import SCHEDULE_ID


async def test_schedules_are_managed(client: EitherClient, api: RecordingApi) -> None:
    """A schedule shows its job as it was given: a body of POST /api/v1/generate."""
    scenes = [
        VideoScene(prompt="a star", duration=2.0),
        VideoScene(prompt="a ring", duration=3.0, transition="dissolve", seed=7),
    ]
    job = VideoRequest(
        prompt="film grain", scenes=scenes, priority="high", size="256x128", fps=8, seed=5, chained=True
    )
    made = await client.call(
        "create_schedule", "0 22 * * MON", job, zone="Europe/Berlin", name="nightly", catch_up=True
    )
    (request,) = api.requests("CreateSchedule")
    assert (request.cron, request.zone, request.name, request.catch_up) == (
        "0 22 * * MON",
        "Europe/Berlin",
        "nightly",
        True,
    )
    assert dict(made.job) == job.body()
    assert (made.schedule_id, made.cron) == (SCHEDULE_ID, "0 22 * * MON")
    assert made.next_run_at is not None
    (listed,) = (await client.call("schedules")).schedules
    assert listed.job == {"prompt": "a red circle"}
    assert (await client.call("pause_schedule", SCHEDULE_ID)).paused_at is not None
    assert (await client.call("resume_schedule", SCHEDULE_ID)).paused_at is None
    assert (await client.call("delete_schedule", SCHEDULE_ID)).schedule_id == SCHEDULE_ID


async def test_one_shot(client: EitherClient, api: RecordingApi) -> None:
    """A job of one prompt is shown with its length and its shots."""
    job = VideoRequest(prompt="a heron", shots="auto", duration=2.5, negative_prompt="rain")
    assert (await client.call("create_schedule", "0 22 * * *", job)).job == job.body()
