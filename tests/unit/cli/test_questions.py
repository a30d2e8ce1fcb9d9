"""`kinolog audit events` and `kinolog audit who`."""

from __future__ import annotations

import json

from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi


async def test_events_are_listed(kinolog: Kinolog, api: RecordingApi) -> None:
    """One line per commit, newest first; words of a question may be separate arguments."""
    jobs = [api.add_job() for _ in range(3)]
    done = await kinolog("audit", "events", "actor=ada", "since=7d", "--limit", "2")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["position", "time", "job", "by", "key", "client", "address", "command", "events"]
    assert [line.split()[3] for line in lines] == [jobs[2].id, jobs[1].id]
    assert lines[0].endswith("submitted, queued")
    (request,) = api.requests("SearchEvents")
    assert (request.query, request.page_size, request.oldest_first) == ("actor=ada since=7d", 2, False)
    narrow = await kinolog("audit", "events", columns=80)
    assert "address" not in narrow.stdout


async def test_json_jobs_and_all_pages(kinolog: Kinolog, api: RecordingApi) -> None:
    """JSON has one commit a line; --jobs prints each job once; a limit of 0 reads every page."""
    jobs = [api.add_job() for _ in range(3)]
    done = await kinolog("--json", "audit", "events", "--limit", "0", "--oldest")
    assert [json.loads(line)["job_id"] for line in done.stdout.splitlines()] == [one.id for one in jobs[::-1]]
    assert api.requests("SearchEvents")[0].oldest_first
    assert api.requests("SearchEvents")[0].page_size == 1_000
    done = await kinolog("audit", "events", "--jobs", "revision=r1")
    assert done.stdout.split() == [one.id for one in jobs[::-1]]


async def test_who_did_what(kinolog: Kinolog, api: RecordingApi) -> None:
    """Counts by actor and command."""
    done = await kinolog("audit", "who", "since=7d")
    assert done.stdout.splitlines()[1].split()[:3] == ["ada", "submit", "2"]
    done = await kinolog("audit", "who", "--json")
    assert json.loads(done.stdout)["commits"] == 2


async def test_nothing_found_is_said(kinolog: Kinolog) -> None:
    """An answer without commits is no error."""
    done = await kinolog("audit", "events", "actor=nobody")
    assert (done.exit_code, done.stdout) == (ExitCode.OK, "")
    assert "no commit meets these conditions" in done.stderr


async def test_the_queue_and_the_fleet_as_they_were(kinolog: Kinolog, api: RecordingApi) -> None:
    """Each in lines of its own; the moment is a note."""
    jobs = [api.add_job() for _ in range(3)]
    done = await kinolog("audit", "queue", "--at", "2")
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [["1", jobs[1].id, "high"]]
    assert "1 job queued at position 2" in done.stderr
    done = await kinolog("audit", "fleet")
    assert done.stdout.splitlines()[1].split()[:3] == ["worker-1", jobs[0].id, "1"]
    done = await kinolog("--json", "audit", "queue")
    assert json.loads(done.stdout)["queued_total"] == 2
    assert (await kinolog("audit", "queue", "--at", "x")).exit_code == ExitCode.USAGE


async def test_why_a_job_started(kinolog: Kinolog, api: RecordingApi) -> None:
    """The commit that started it, the jobs that waited before it in their order, and the rule."""
    jobs = [api.add_job() for _ in range(3)]
    api.commit(canned.started(jobs[1]), "attempt_started")
    done = await kinolog("audit", "why", jobs[1].id)
    assert done.stdout.startswith(f"Position 4: ada started {jobs[1].id}. 2 jobs of this tenant waited")
    assert "Lanes take turns, 8 to 4 to 2 to 1" in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines()[-2:]] == [jobs[1].id, jobs[2].id]
    found = json.loads((await kinolog("--json", "audit", "why", jobs[1].id)).stdout)
    assert (found["started_position"], len(found["queue"]["queued"])) == (4, 2)
    never = await kinolog("audit", "why", jobs[2].id)
    assert (never.exit_code, never.stdout) == (ExitCode.REFUSED, "")
    assert "has no attempt" in never.stderr


async def test_reads_are_listed(kinolog: Kinolog, api: RecordingApi) -> None:
    """One line per read with all pages; JSON has one read a line; a narrow terminal has no origin."""
    done = await kinolog("audit", "reads", "kind=file", "since=7d", "--limit", "0")
    head, *lines = done.stdout.splitlines()
    assert head.split()[-5:] == ["job", "times", "bytes", "outcome", "read"]
    assert len(lines) == 2
    assert lines[0].endswith("GET /api/v1/result/{job_id}/video video bytes 10-29")
    assert "192.0.2.7 via 127.0.0.1" in lines[0]
    first, second = api.requests("SearchReads")
    assert (first.query, first.page_size, second.after) == ("kind=file since=7d", 1_000, "2.0")
    done = await kinolog("--json", "audit", "reads", "--limit", "1", "--oldest")
    assert [json.loads(line)["batch"] for line in done.stdout.splitlines()] == [2]
    assert "192.0.2.7" not in (await kinolog("audit", "reads", columns=80)).stdout
