"""What a terminal gets: lists that keep what matters, and no character that drives it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from kinolog.texts import refusal
from kinolog.v1 import job_pb2 as pb
from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi

LONG = "a slow camera over a quiet lake at dawn with mist 円 " * 3
EVIL = "a circle \x1b]52;c;aGk=\x07 \x1b]0;title\x07 \x9b31m \u202eback\u2028end\x08\x08"
STYLES = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\r?\x1b\[2K|\x1b\[1A")
"""What rich writes: colours, and moves of the cursor for progress bars."""


def plain(output: str) -> str:
    """Return output of a terminal without what rich writes for itself."""
    return STYLES.sub("", output)


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
async def test_a_long_prompt_takes_nothing_away(kinolog: Kinolog, api: RecordingApi, columns: int) -> None:
    """A list has every id, status and progress whole, and no line is wider than the terminal."""
    jobs = [api.add_job(prompt=LONG), canned.started(api.add_job(prompt="short"))]
    api.commit(jobs[1], "attempt_started")
    done = await kinolog("jobs", columns=columns)
    assert done.exit_code == 0, done.output
    lines = plain(done.stdout).splitlines()
    for job, status in zip(jobs, ("queued", "processing"), strict=True):
        (line,) = [line for line in lines if line.startswith(job.id)]
        assert status in line
        assert re.search(r"\d+ %", line)
    assert max(map(cell_len, lines[: len(jobs) + 1])) <= columns


async def test_a_list_in_a_pipe_is_plain(kinolog: Kinolog, api: RecordingApi) -> None:
    """Each job is one line with its whole prompt, without colours and without notes among them."""
    job = api.add_job(prompt=LONG + "\nsecond line")
    done = await kinolog("jobs")
    head, line = done.stdout.splitlines()
    assert head.split() == ["job", "status", "progress", "priority", "model", "age", "prompt"]
    assert line.startswith(job.id)
    assert line.endswith("円 second line")
    assert "\x1b" not in done.stdout
    assert "1 total" in done.stderr


@pytest.mark.parametrize("columns", [0, 80, 140])
@pytest.mark.parametrize("as_json", [[], ["--json"]])
async def test_no_stored_text_drives_the_terminal(
    kinolog: Kinolog, api: RecordingApi, columns: int, as_json: list[str]
) -> None:
    """Logs of earlier versions hold any character; none of them reaches whoever reads a job."""
    job = canned.completed(canned.started(api.add_job(prompt=EVIL)))
    job.actor = job.worker = "ada\x1b[2J"
    job.error.CopyFrom(pb.JobError(code="X", message=EVIL))
    job.scenes[0].prompt = EVIL
    api.commit(job, "completed")
    api.lines[job.id] = [pb.LogEntry(job_id=job.id, sequence=1, message=EVIL, level=pb.LOG_LEVEL_ERROR)]
    for command in ("jobs", "show", "replay", "storyboard", "logs", "result", "watch"):
        done = await kinolog(*as_json, command, *([] if command == "jobs" else [job.id]), columns=columns)
        assert done.exit_code == 0, (command, done.output)
        for line in plain(done.output).split("\n"):
            assert not refusal(line, lines=True), (command, line)
    if as_json:
        shown = await kinolog("--json", "show", job.id, columns=columns)
        assert json.loads(shown.stdout)["prompt"] == EVIL


async def test_no_error_drives_the_terminal(kinolog: Kinolog, api: RecordingApi) -> None:
    """What the service answers, and what was typed, is printed without control characters."""
    done = await kinolog("show", "\x1b]0;title\x07", columns=80)
    assert done.exit_code == 3, "no route has such a path"
    assert not any(refusal(line) for line in plain(done.output).split("\n"))


async def test_a_replay_shows_what_a_job_makes(kinolog: Kinolog, api: RecordingApi) -> None:
    """A history names model, size, steps and seed, and no line of it is wider than the terminal."""
    job = canned.completed(canned.started(api.add_job()))
    api.commit(job, "completed")
    done = await kinolog("replay", job.id, columns=80)
    text = plain(done.stdout)
    for fact in ("kinolog-tiny", "256x128", "16 frames at 8 per second", "20", "7", "completed"):
        assert fact in text, fact
    assert max(map(cell_len, text.splitlines())) <= 80
    piped = (await kinolog("replay", job.id)).stdout
    events = [line for line in piped.splitlines() if re.match(r"\d+ +2026-11-22 ", line)]
    assert len(events) == 3


async def test_a_replay_ends_at_a_day_a_time_or_a_position(kinolog: Kinolog, api: RecordingApi) -> None:
    """A day is included whole, digits are a position of the log, and another text is refused by the option's name."""
    job = api.add_job()
    api.commit(job, "submitted")
    for at in ("2999-11-22", "2999-11-22T15:00:00Z", "4711"):
        assert (await kinolog("replay", job.id, "--at", at)).exit_code == 0
    day, time, position = api.requests("GetHistory")
    end = datetime(2999, 11, 23).astimezone()
    assert timedelta(0) < end - day.time.ToDatetime(UTC) < timedelta(seconds=1)
    assert time.time.ToDatetime(UTC) == datetime(2999, 11, 22, 15, tzinfo=UTC)
    assert position.position == 4711
    done = await kinolog("replay", job.id, "--at", "yesterday", columns=200)
    assert done.exit_code == ExitCode.USAGE
    assert "--at: 'yesterday' must be a position of the log, a day or a time" in done.output


async def test_one_worker_is_no_plural(kinolog: Kinolog) -> None:
    """A model that one worker serves says so."""
    done = await kinolog("models")
    assert "1 worker." in done.stdout


async def test_workers_say_what_they_have_loaded(kinolog: Kinolog) -> None:
    """A worker that is warm for a model gets its jobs."""
    (line,) = (await kinolog("workers")).stdout.splitlines()
    assert line.endswith("denoise  warm: kinolog-tiny")
