"""The programs that the tests start: a fork is for its parent what an executed one is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fixtures.up_command import ROOT

COMMAND = (sys.executable, "-P", "-m", "kinolog_projector", "session")


def _facts(folder: Path) -> list[object]:
    """Start a program. Return what others see of it, and how it ends."""
    environment = os.environ | {"KINOLOG_LOG_LEVEL": "LOUD"}
    with subprocess.Popen(
        COMMAND,
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(b'{"program": "projector", "arguments": ["none"], "environment": {}}\n')
        program.stdin.flush()
        said = program.stdout.readline()
        seen = psutil.Process(program.pid)
        facts: list[object] = [
            *(seen.name(), seen.cwd(), seen.environ(), seen.ppid() == os.getpid()),
            *(os.getsid(program.pid) == program.pid, seen.terminal(), len(seen.children()), said),
            sorted(os.listdir(f"/proc/{program.pid}/fd"))[:3],
        ]
        program.stdin.close()
        return [*facts, program.stdout.read(), program.wait()]


@pytest.mark.skipif(sys.platform != "linux", reason="programs are forked on Linux")
def test_a_fork_is_what_is_executed(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Name, folder, environment, parent, session, files, output and exit status are the same."""
    forked = _facts(tmp_path)
    request.getfixturevalue("executed_programs")
    assert _facts(tmp_path) == forked


def _drawn() -> list[str]:
    """Return what a process of its own draws."""
    argv = [sys.executable, "-m", "tests.fixtures.drawn_numbers"]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def test_forks_draw_numbers_of_their_own() -> None:
    """No id and no random number is that of another process."""
    first, second = _drawn(), _drawn()
    assert len(first) == len(second) > 6  # aiohttp keeps a generator
    assert not set(first) & set(second)
