"""`kinolog generate --start-after`, `--start-timeout`, and what the command shows of a job that waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi


async def test_a_length_and_a_time(kinolog: Kinolog, api: RecordingApi) -> None:
    """A length counts from now; a time without a zone is that of this machine."""
    before = datetime.now(UTC)
    done = await kinolog("generate", "a fox", "--start-after", "2h", "--start-timeout", "10m")
    assert done.exit_code == 0, done.output
    done = await kinolog("generate", "a fox", "--start-after", "2030-12-24T22:00")
    assert done.exit_code == 0, done.output
    relative, absolute = api.requests("SubmitJob")
    waits = relative.start_after.ToDatetime(tzinfo=UTC) - before
    assert timedelta(hours=2) <= waits < timedelta(hours=3)
    assert relative.start_timeout_seconds == 600
    assert absolute.start_after.ToDatetime(tzinfo=UTC) == datetime(2030, 12, 24, 22).astimezone()
    assert absolute.start_timeout_seconds == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--start-after", "tonight"),
        ("--start-after", "9999999d"),
        ("--start-timeout", "0s"),
        ("--start-timeout", "60"),
    ],
)
async def test_a_wrong_time_is_named(kinolog: Kinolog, api: RecordingApi, option: str, value: str) -> None:
    done = await kinolog("generate", "a fox", option, value)
    assert done.exit_code == ExitCode.USAGE
    assert f"{option}: '{value}' is no length" in done.stderr
    assert api.requests("SubmitJob") == []


async def test_a_job_shows_when_it_starts(kinolog: Kinolog, api: RecordingApi) -> None:
    job = api.add_job()
    at = datetime(2030, 12, 24, 22).astimezone()
    job.not_before.FromDatetime(at.astimezone(UTC))
    job.start_before.FromDatetime((at + timedelta(minutes=1)).astimezone(UTC))
    api.commit(job, "queued")
    shown = (await kinolog("show", job.id)).stdout
    assert "not before 2030-12-24 22:00" in shown
    assert "before 2030-12-24 22:01" in shown
