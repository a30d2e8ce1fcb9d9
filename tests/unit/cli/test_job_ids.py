"""Ids by their beginning, at every command of one job."""

from __future__ import annotations

import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi

ONE, TWO, THREE = "abcd2" + "x" * 21, "abcd3" + "x" * 21, "zebra" + "y" * 21

COMMANDS: list[tuple[list[str], str]] = [
    (["show"], "GetJob"),
    (["watch"], "GetJob"),
    (["logs"], "ListLogEntries"),
    (["storyboard"], "GetStoryboard"),
    (["result"], "GetResult"),
    (["stream", "-o", "/dev/null"], "ReadLiveVideo"),
    (["link"], "CreateFileTicket"),
    (["replay"], "GetHistory"),
    (["verify"], "VerifyJob"),
    (["audit", "prove"], "GetInclusionProof"),
    (["cancel"], "CancelJob"),
    (["retry"], "RetryJob"),
    (["pause"], "PauseJob"),
    (["resume"], "ResumeJob"),
    (["prefetch"], "PrefetchJob"),
    (["erase", "--yes"], "EraseJob"),
    (["reproduce"], "ReproduceJob"),
]


@pytest.fixture
def jobs(api: RecordingApi) -> None:
    """Three completed jobs, two of them alike in their first letters, and prompts that hold those of the third."""
    for job_id in (ONE, TWO, THREE):
        api.commit(canned.completed(api.add_job(id=job_id, prompt="a zebra")), "completed")


@pytest.mark.parametrize(("command", "method"), COMMANDS)
async def test_the_beginning_of_an_id_is_enough(
    kinolog: Kinolog, api: RecordingApi, jobs: None, command: list[str], method: str
) -> None:
    """A beginning that one job has names it, in any case; prompts with the same letters do not count."""
    for written in ("zebra", "ZEBRAYY", THREE):
        api.calls.clear()
        done = await kinolog(*command, written)
        assert done.exit_code in (ExitCode.OK, ExitCode.FAILED), (
            done.output
        )  # the proof of this api does not hold
        assert {request.job_id for request in api.requests(method)} == {THREE}


async def test_priority_and_bulk_take_beginnings(kinolog: Kinolog, api: RecordingApi, jobs: None) -> None:
    """Commands with further arguments, and those of several jobs, take them too."""
    assert (await kinolog("priority", "abcd3", "high")).exit_code == 0
    assert api.requests("ReprioritizeJob")[0].job_id == TWO
    assert (await kinolog("bulk", "retry", "abcd2", "zebra", "--yes")).exit_code == 0
    assert list(api.requests("BulkRetryJobs")[0].selection.job_ids) == [ONE, THREE]


@pytest.mark.parametrize(
    ("written", "code", "says"),
    [
        ("abcd", ExitCode.USAGE, "several jobs begin with abcd; give more of the id: "),
        ("abc", ExitCode.USAGE, "too short"),
        ("nobody", ExitCode.NOT_FOUND, "no job whose id begins with nobody"),
        ("not-an-id", ExitCode.USAGE, "job_id"),
    ],
)
async def test_other_beginnings_are_refused(
    kinolog: Kinolog, api: RecordingApi, jobs: None, written: str, code: ExitCode, says: str
) -> None:
    """Nothing is done where a beginning names no job or several; the error says which."""
    done = await kinolog("cancel", written)
    assert done.exit_code == code, done.output
    assert says in done.output
    assert not api.requests("CancelJob")
    if written == "abcd":
        assert ONE in done.output
        assert TWO in done.output


async def test_a_beginning_that_many_prompts_hold_is_looked_for_to_the_end(
    kinolog: Kinolog, api: RecordingApi, jobs: None
) -> None:
    """The service searches prompts too; jobs whose id begins otherwise are passed over."""
    for number in range(40):
        api.add_job(prompt="a zebra", status=pb.STATUS_QUEUED, id=f"{number:02d}" + "q" * 24)
    assert (await kinolog("show", "zebra")).exit_code == 0
