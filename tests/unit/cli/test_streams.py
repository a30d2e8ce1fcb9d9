"""Standard output and arguments as people have them: another encoding, a full disk, closed, bytes that are no text."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest

from kinolog_cli.exit_codes import ExitCode
from tests.fixtures.devices import FULL, STANDARD_OUTPUT, device_at
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi

# Each test starts the command as a process.
pytestmark = pytest.mark.slow

PROMPT = "赤い丸 a red ● circle"


async def _kinolog(
    gateway: RunningGateway,
    *arguments: str | bytes,
    env: dict[str, str] | None = None,
    closed: bool = False,
    **files: Any,
) -> tuple[int, bytes]:
    """Run the command as a process, with these standard files or without standard output.

    Return its status and what it wrote into a pipe: output and errors, or those of them that have no other file.
    """
    argv: list[str | bytes] = [sys.executable, "-m", "kinolog_cli.app", "--url", gateway.url, *arguments]
    if closed:
        argv = ["sh", "-c", 'exec "$@" >&-', "sh", *argv]
    process = await asyncio.create_subprocess_exec(
        *argv, **{"stdout": PIPE, "stderr": STDOUT, **files}, env=os.environ | (env or {})
    )
    written = b"".join(filter(None, await process.communicate()))
    assert b"Traceback" not in written, written.decode("utf-8", "replace")
    assert b"Exception ignored" not in written
    assert process.returncode is not None
    return process.returncode, written


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
async def test_output_that_is_not_utf8(gateway: RunningGateway, api: RecordingApi, encoding: str) -> None:
    """Characters that standard output lacks are replaced; JSON escapes them and loses nothing."""
    job = api.commit(canned.completed(canned.started(api.add_job(prompt=PROMPT))), "completed")
    env = {"PYTHONIOENCODING": encoding}
    for arguments in (["jobs"], ["show", job.id], ["replay", job.id], ["watch", job.id], ["models"]):
        code, output = await _kinolog(gateway, *arguments, env=env)
        assert code == 0, output
        assert output.decode(encoding)
    _, output = await _kinolog(gateway, "--json", "show", job.id, env=env)
    assert json.loads(output.decode(encoding))["prompt"] == PROMPT


async def test_an_argument_that_is_no_text(gateway: RunningGateway, api: RecordingApi) -> None:
    """A byte that is no UTF-8 is an error of its field."""
    code, output = await _kinolog(gateway, "generate", b"a red \xff circle")
    assert code == ExitCode.USAGE
    assert b"prompt" in output
    assert not api.calls


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["jobs"], ["--json", "jobs"], ["--help"], ["--version"], ["doctor"]])
async def test_output_on_a_full_disk(
    gateway: RunningGateway, api: RecordingApi, arguments: list[str]
) -> None:
    """A full disk ends a command with status 1 and one line."""
    api.add_job()
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, output = await _kinolog(gateway, *arguments, stdout=full, stderr=PIPE)
    finally:
        os.close(full)
    assert code == ExitCode.FAILED
    assert b"No space left on device" in output
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["jobs"], ["--json", "jobs"], ["--help"], ["--version"]])
async def test_output_that_nobody_reads(
    gateway: RunningGateway, api: RecordingApi, arguments: list[str]
) -> None:
    """A closed output, and a reader that has left, are no errors."""
    api.add_job()
    code, _ = await _kinolog(gateway, *arguments, closed=True)
    assert code == 0
    reads, writes = os.pipe()
    os.close(reads)
    try:
        code, _ = await _kinolog(gateway, *arguments, stdout=writes, stderr=PIPE)
    finally:
        os.close(writes)
    assert code in (0, 1)  # which one says whether its output noticed


@pytest.mark.parametrize("url", ["http://[::1", "http://exa mple", "gopher://x"])
async def test_an_address_that_is_none(gateway: RunningGateway, url: str) -> None:
    """An address that cannot be one is wrong usage, in one line."""
    code, output = await _kinolog(gateway, "--url", url, "jobs")
    assert code == ExitCode.USAGE
    assert len(output.splitlines()) == 1


async def test_a_video_on_a_full_disk(gateway: RunningGateway, api: RecordingApi, tmp_path: Path) -> None:
    """A video that cannot be saved is not lost; the error says how to save it again."""
    job = canned.completed(canned.started(api.add_job()))
    api.files[job.id, 1, 0] = canned.VIDEO
    api.commit(job, "completed")
    code, output = await _kinolog(gateway, "result", job.id, "-o", str(device_at(tmp_path / "full", FULL)))
    assert code == ExitCode.FAILED
    assert b"No space left on device" in output
    assert f"kinolog result {job.id} -o".encode() in output


async def test_a_video_on_standard_output(gateway: RunningGateway, api: RecordingApi, tmp_path: Path) -> None:
    """`-o -` and names of standard output write the video and nothing else, into a pipe and into a file."""
    job = canned.completed(canned.started(api.add_job()))
    api.files[job.id, 1, 0] = canned.VIDEO
    api.commit(job, "completed")
    link = tmp_path / "link"
    link.symlink_to(STANDARD_OUTPUT)
    for place in ("-", STANDARD_OUTPUT, str(link)):
        result = ("result", job.id, "-o", place)
        assert await _kinolog(gateway, *result, stderr=DEVNULL) == (0, canned.VIDEO)
        with (tmp_path / "film").open("wb") as file:
            assert (await _kinolog(gateway, *result, stdout=file.fileno(), stderr=DEVNULL))[0] == 0
        assert (tmp_path / "film").read_bytes() == canned.VIDEO
