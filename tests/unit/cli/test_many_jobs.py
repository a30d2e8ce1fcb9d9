"""Commands about many jobs: filters, bulk, numbers, log lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi


async def test_the_list_is_filtered_by_style_and_time(kinolog: Kinolog, api: RecordingApi) -> None:
    """A day of `--to` is included whole; a time without a zone is one of this machine."""
    options = ["--style", "noir", "--from", "2026-11-20", "--to", "2026-11-22", "--priority", "high"]
    assert (await kinolog("jobs", *options)).exit_code == 0
    wanted = api.requests("ListJobs")[0].filter
    assert list(wanted.styles) == ["noir"]
    start, end = wanted.created_from.ToDatetime(UTC), wanted.created_before.ToDatetime(UTC)
    assert start == datetime(2026, 11, 20).astimezone()
    assert timedelta(0) < datetime(2026, 11, 23).astimezone() - end < timedelta(seconds=1)
    done = await kinolog("jobs", "--from", "2026-11-22T15:00:00Z")
    assert done.exit_code == 0
    assert api.requests("ListJobs")[1].filter.created_from.ToDatetime(UTC) == datetime(
        2026, 11, 22, 15, tzinfo=UTC
    )


@pytest.mark.parametrize("option", ["--from", "--to"])
async def test_a_text_that_is_no_time_is_named(kinolog: Kinolog, api: RecordingApi, option: str) -> None:
    """The option is named, with a time as it is written."""
    done = await kinolog("jobs", option, "yesterday")
    assert done.exit_code == ExitCode.USAGE
    assert f"{option}: 'yesterday' must be a day or a time, such as 2026-11-22" in done.output
    assert not api.calls


async def test_bulk_by_filter_asks_and_counts(kinolog: Kinolog, api: RecordingApi) -> None:
    """Before many jobs change, their number is asked about; a no changes nothing."""
    for _ in range(3):
        api.add_job(status=pb.STATUS_QUEUED)
    refused = await kinolog("bulk", "cancel", "--priority", "medium", text="n\n")
    assert refused.exit_code == ExitCode.CANCELLED
    assert "Cancel 3 jobs?" in refused.output
    assert not api.requests("BulkCancelJobs")
    done = await kinolog("bulk", "cancel", "--priority", "medium", "--reason", "late", text="y\n")
    assert done.exit_code == 0, done.output
    assert "cancel: 3 of 3 jobs (3 cancelled)" in done.output
    (request,) = api.requests("BulkCancelJobs")
    assert request.reason == "late"
    assert set(request.selection.filter.statuses) == {pb.STATUS_QUEUED, pb.STATUS_PROCESSING}


@pytest.mark.parametrize("arguments", [["bulk", "erase", "--all"], ["erase", "z" * 26]])
async def test_a_question_that_nobody_answers(
    kinolog: Kinolog, api: RecordingApi, arguments: list[str]
) -> None:
    """Where standard input ends, nothing is changed, and the option that needs no answer is named."""
    api.add_job(status=pb.STATUS_COMPLETED)
    done = await kinolog(*arguments, text="")
    assert done.exit_code == ExitCode.USAGE
    assert "--yes" in done.stderr
    assert not api.requests("EraseJob")
    assert not api.requests("BulkEraseJobs")


async def test_bulk_names_what_was_refused(kinolog: Kinolog, api: RecordingApi) -> None:
    """Each refused job is named with the reason, and the status tells a script."""
    job = api.add_job()
    done = await kinolog("bulk", "retry", job.id, "z" * 26, "--yes")
    assert done.exit_code == ExitCode.REFUSED
    assert f"{'z' * 26}: there is no job" in done.stderr
    assert "retry: 1 of 2 jobs" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["cancel"],
        ["cancel", "z" * 26, "--status", "queued"],
        ["reprioritize", "--all"],
        ["cancel", "--all", "--to-priority", "high"],
        ["dance", "--all"],
    ],
)
async def test_bulk_needs_a_choice(kinolog: Kinolog, api: RecordingApi, arguments: list[str]) -> None:
    """Jobs or a filter, one of them, and a priority where it has a meaning; nothing is changed otherwise."""
    done = await kinolog("bulk", *arguments, "--yes")
    assert done.exit_code == ExitCode.USAGE, done.output
    assert not api.calls


async def test_numbers_of_a_span(kinolog: Kinolog, api: RecordingApi) -> None:
    """Analytics has how jobs ended and how long they took, of the span that is given."""
    done = await kinolog("analytics", "--from", "2026-11-20", columns=80)
    assert done.exit_code == 0, done.output
    for word in ("submitted", "success", "priority", "stage", "denoise"):
        assert word in done.stdout
    assert api.requests("GetOverview")[0].range.HasField("from")


async def test_log_lines_from_the_first_to_the_end(kinolog: Kinolog, api: RecordingApi) -> None:
    """`logs` prints the lines of a level; `-f` ends with the job, and prints no line twice."""
    job = canned.completed(canned.started(api.add_job()))
    api.commit(job, "completed")
    api.lines[job.id] = [canned.line(job, number) for number in (1, 2, 3)]
    for options in ([], ["--follow"], ["--limit", "2"]):
        done = await kinolog("logs", job.id, *options)
        assert done.exit_code == 0, done.output
        assert len(done.stdout.splitlines()) == (2 if "--limit" in options else 3)
    done = await kinolog("logs", job.id, "--level", "error")
    assert api.requests("ListLogEntries")[-1].min_level == pb.LOG_LEVEL_ERROR


async def test_scenes(kinolog: Kinolog, api: RecordingApi) -> None:
    """A storyboard has each scene with its time, camera and prompt."""
    job = api.add_job()
    lines = (await kinolog("storyboard", job.id)).stdout.splitlines()
    assert lines[0].split() == ["scene", "from", "length", "begins", "by", "camera", "status", "prompt"]
    assert "pan left" in lines[2]
    assert lines[2].endswith("scene 1")
