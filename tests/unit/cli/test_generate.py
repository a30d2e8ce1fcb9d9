"""`kinolog generate`: the id at once, next steps, places that cannot be written, files of prompts."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi

INTERRUPTIBLE = """
import signal
from kinolog_cli.app import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""The command line. A test can interrupt it where its caller ignores Ctrl-C, as background jobs of shells do."""


async def test_a_submit_says_how_to_go_on(kinolog: Kinolog, api: RecordingApi) -> None:
    """The first line has the id; the note below it says how to follow the job."""
    done = await kinolog("generate", "a red circle")
    (job_id,) = api.jobs
    assert done.stdout.splitlines()[0] == f"job {job_id} is queued"
    assert f"kinolog watch {job_id}" in done.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
async def test_ctrl_c_leaves_the_job_running(
    gateway: RunningGateway, api: RecordingApi, options: list[str]
) -> None:
    """The id is there before the job ends. After Ctrl-C the command says that it goes on, and how to come back."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", INTERRUPTIBLE, "--url", gateway.url, *options),
        *("generate", "a red circle", "--watch"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    first = (await process.stderr.readline()).decode()
    (job_id,) = api.jobs
    assert job_id in first
    await api.wait_for_streams()
    process.send_signal(signal.SIGINT)
    _, rest = await process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert f"job {job_id} goes on" in rest.decode()
    assert f"kinolog cancel {job_id}" in rest.decode()
    assert not api.requests("CancelJob")


async def test_the_end_has_a_link_and_next_steps(kinolog: Kinolog, api: RecordingApi) -> None:
    """A job that was waited for ends with the address of its video, its seed, and how to save it."""
    waiting = asyncio.create_task(kinolog("generate", "a red circle", "--watch"))
    await api.wait_for_streams()
    (job,) = api.jobs.values()
    api.commit(canned.completed(canned.started(job)), "completed")
    done = await waiting
    assert done.exit_code == 0, done.output
    assert done.stdout == f"job {job.id} is completed\n"
    for words in (
        f"/api/v1/result/{job.id}/video",
        f"kinolog result {job.id} -o",
        "seed: 7",
        f"kinolog replay {job.id}",
    ):
        assert words in done.stderr


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("missing/film.mp4", "there is no folder"),
        (".", "it is a folder"),
        ("file/film.mp4", "is no folder"),
    ],
)
@pytest.mark.parametrize(
    "command", [["generate", "a red circle"], ["result", "z" * 26], ["demo", "a red circle"]]
)
async def test_a_place_that_cannot_be_written_is_found_first(
    kinolog: Kinolog, api: RecordingApi, tmp_path: Path, command: list[str], place: str, says: str
) -> None:
    """A folder that is missing or no folder ends the command before anything is submitted or rendered."""
    (tmp_path / "file").write_text("")
    done = await kinolog(*command, "-o", str(tmp_path / place))
    assert done.exit_code == ExitCode.USAGE, done.output
    assert says in done.output
    assert not api.calls


async def test_a_file_of_prompts(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """Each line is a job with the options of the command; blank lines are none. The same file makes no job twice."""
    file = tmp_path / "prompts.txt"
    file.write_text("a red circle\n\n \u3000\na blue square\r\n", encoding="utf-8")
    for _ in range(2):
        done = await kinolog("generate", "--file", str(file), "--steps", "3", "--request-id", "night")
        assert done.exit_code == 0, done.output
        assert [line.split()[0] for line in done.stdout.splitlines()] == list(api.jobs)
    first, second, *_ = api.requests("SubmitJob")
    assert (first.prompt, first.steps, first.request_id) == ("a red circle", 3, "night-1")
    assert (second.prompt, second.steps, second.request_id) == ("a blue square", 3, "night-4")
    assert len(api.jobs) == 2


async def test_a_wrong_line_keeps_no_other_back(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """Lines of JSON have the fields of the REST request. What is wrong with one is said with its number."""
    file = tmp_path / "prompts.jsonl"
    lines = [
        '{"prompt": "x", "steps": 2}',
        '{"promt": "y"}',
        "[1]",
        "{",
        '{"prompt": "z\\u001b[2J"}',
        '{"prompt": "q"}',
    ]
    file.write_text("\n".join(lines))
    done = await kinolog("generate", "--file", str(file))
    assert done.exit_code == ExitCode.USAGE
    assert [job.spec.prompt for job in api.jobs.values()] == ["x", "q"]
    for number, says in ((2, "unknown fields: promt"), (3, "no"), (4, "JSON"), (5, "U+001B")):
        (line,) = [line for line in done.stderr.splitlines() if line.startswith(f"line {number}: ")]
        assert says in line
    as_json = await kinolog("--json", "generate", "--file", str(file))
    answers = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [("job_id" in answer, "error" in answer) for answer in answers] == [
        (line in (0, 5), line not in (0, 5)) for line in range(6)
    ]


async def test_prompts_of_standard_input(kinolog: Kinolog, api: RecordingApi) -> None:
    """`-` is standard input."""
    done = await kinolog("generate", "--file", "-", text="one\ntwo\n")
    assert done.exit_code == 0, done.output
    assert [job.spec.prompt for job in api.jobs.values()] == ["one", "two"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["x", "--file", "y"],
        ["--file", "y", "--watch"],
        ["--file", "/missing/prompts.txt"],
        ["--scene", "x", "--file", "y"],
        ["--scene", "x", "--scenes", "y"],
        ["--scenes", "/missing/scenes.json"],
    ],
)
async def test_wrong_use_submits_nothing(kinolog: Kinolog, api: RecordingApi, arguments: list[str]) -> None:
    """A prompt or a file is needed, one of them, and a file is not waited for."""
    done = await kinolog("generate", *arguments)
    assert done.exit_code == ExitCode.USAGE, done.output
    assert not api.calls
