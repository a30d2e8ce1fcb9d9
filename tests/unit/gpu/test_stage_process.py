"""The process of a stage of the GPU check, and the file of its results."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.waits import wait_until
from tests.gpu.report import CheckReport
from tests.gpu.stage_process import StageEnd, run_stage

RESULT = 'print(\'{"name": "first", "state": "ok"}\', flush=True)'
LONG_SECONDS = 60.0
HANG_SECONDS = 5.0


def _ended(folder: Path, program: str, seconds: float = LONG_SECONDS) -> tuple[StageEnd, dict[str, Any]]:
    """Run a program as a stage. Return its end, and the stage in the written file."""
    report = CheckReport(folder / "check.json", device="cpu")
    report.begin("environment", seconds)
    command = (sys.executable, "-c", program)
    with (folder / "check.log").open("ab") as log:
        end = run_stage(command, seconds=seconds, environment=dict(os.environ), report=report, log=log)
    report.end(end.state, 1.0, end.error)
    (stage,) = json.loads((folder / "check.json").read_text())["stages"]
    return end, stage


def test_a_stage_that_ends_keeps_its_results(tmp_path: Path) -> None:
    """Each line of its output is a result in the file."""
    end, stage = _ended(tmp_path, RESULT)
    assert end == StageEnd("finished")
    assert stage["results"] == [{"name": "first", "state": "ok"}]
    assert (stage["name"], stage["state"]) == ("environment", "finished")


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("raise ValueError('no such card')", "exit code 1: ValueError: no such card"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV: it printed nothing"),
    ],
)
def test_a_stage_that_fails_says_why_and_keeps_its_results(tmp_path: Path, program: str, error: str) -> None:
    """An error of Python or a signal is the error of the stage; what it measured before stays."""
    (tmp_path / "check.log").write_text("printed by an earlier stage\n")
    end, stage = _ended(tmp_path, f"{RESULT}\n{program}")
    assert end.state == "failed"
    assert stage["error"].startswith(error.split(":")[0])
    assert stage["error"].endswith(error.partition(": ")[2])
    assert len(stage["results"]) == 1


@pytest.mark.slow
def test_a_stage_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    """After its time the stage and all that it started are ended, and its results stay."""
    child = "import time; time.sleep(1000)"
    program = f"""
import subprocess, sys
child = subprocess.Popen((sys.executable, "-c", {child!r}))
print('{{"name": "child", "state": "ok", "pid": %d}}' % child.pid, flush=True)
child.wait()
"""
    end, stage = _ended(tmp_path, program, seconds=HANG_SECONDS)
    assert end.state == "out of time"
    (result,) = stage["results"]
    wait_until(lambda: not _runs(result["pid"]), "the child of the stage ended")


def test_words_that_a_killed_stage_did_not_finish_are_no_result(tmp_path: Path) -> None:
    """Half a line at the end is left out."""
    end, stage = _ended(tmp_path, f"{RESULT}\nprint('{{\"name\": \"sec', end='')")
    assert end.state == "finished"
    assert [result["name"] for result in stage["results"]] == ["first"]


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
