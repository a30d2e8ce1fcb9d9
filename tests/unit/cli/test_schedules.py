"""`kinolog schedules`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.recording_schedules import SCHEDULE_ID


async def test_schedules_are_managed(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """The id of a new one is printed alone; its job is a prompt, or a file with more fields."""
    file = tmp_path / "job.json"
    scenes = [
        {"prompt": "a star", "duration": 1.0},
        {"prompt": "a moon", "duration": 2.0, "transition": "fade"},
    ]
    job = {"prompt": "at night", "steps": 3, "scenes": scenes, "loras": [{"name": "ink"}], "inputs": None}
    file.write_text(json.dumps(job))
    made = await kinolog(
        "schedules", "create", "0 22 * * *", "a ring", "--zone", "Europe/Berlin", "--catch-up"
    )
    assert (made.exit_code, made.stdout) == (0, f"{SCHEDULE_ID}\n"), made.output
    assert (
        await kinolog("schedules", "create", "@weekly", "--job", str(file), "--name", "stars")
    ).exit_code == 0
    first, second = api.requests("CreateSchedule")
    assert (first.cron, first.zone, first.catch_up, first.job.prompt) == (
        "0 22 * * *",
        "Europe/Berlin",
        True,
        "a ring",
    )
    assert (second.name, second.job.prompt, second.job.steps, second.catch_up) == (
        "stars",
        "at night",
        3,
        False,
    )
    assert [scene.prompt for scene in second.job.scenes] == ["a star", "a moon"]
    assert [lora.name for lora in second.job.loras] == ["ink"]
    assert SCHEDULE_ID in (await kinolog("schedules", "list")).stdout
    for command in ("pause", "resume", "remove", "list"):
        for options in ((), ("--json",)):
            arguments = (command, *options) if command == "list" else (command, SCHEDULE_ID, *options)
            done = await kinolog("schedules", *arguments)
            assert done.exit_code == 0, done.output
            assert not options or isinstance(json.loads(done.stdout), dict)
    for method in ("PauseSchedule", "ResumeSchedule", "DeleteSchedule"):
        assert {request.schedule_id for request in api.requests(method)} == {SCHEDULE_ID}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"promt": "x"}', "has unknown fields: promt"),
        ('{"prompt": "x", "request_id": "y"}', "has unknown fields: request_id"),
        ('{"scenes": [{"promt": "x"}]}', "scene 1 has unknown fields: promt"),
        ('{"prompt": "x", "loras": {"name": "ink"}}', "has loras that are not a list"),
        (None, "--job"),
    ],
)
async def test_a_wrong_job_is_named(
    kinolog: Kinolog, api: RecordingApi, tmp_path: Path, content: str | None, words: str
) -> None:
    file = tmp_path / "job.json"
    file.write_text(content or "")
    done = await kinolog(
        "schedules", "create", "0 22 * * *", *([] if content is None else ["--job", str(file)])
    )
    assert (done.exit_code, api.requests("CreateSchedule")) == (ExitCode.USAGE, [])
    assert words in done.stderr
