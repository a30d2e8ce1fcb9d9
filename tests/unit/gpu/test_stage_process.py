"""The process of a stage of the GPU check, and the file of its results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.waits import wait_until
from tests.gpu.installation import ROOT
from tests.unit.gpu.stage_works import RESULT

LONG_SECONDS = 60.0
HANG_SECONDS = 5.0


def _ended(folder: Path, work: str, seconds: float = LONG_SECONDS) -> dict[str, Any]:
    """Run one of the works as a stage. Return the stage in the written file."""
    command = (sys.executable, "-m", "tests.unit.gpu.stage_works", work, str(folder), str(seconds))
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (stage,) = json.loads((folder / "check.json").read_text())["stages"]
    found: dict[str, Any] = stage
    return found


def test_a_stage_that_ends_keeps_its_results(tmp_path: Path) -> None:
    """Each result is in the file, and what it prints is in the log."""
    stage = _ended(tmp_path, "measure")
    assert stage["results"] == [RESULT]
    assert (stage["name"], stage["state"]) == ("environment", "finished")
    assert (tmp_path / "check.log").read_text() == "measured\n"


@pytest.mark.parametrize(
    ("work", "error"),
    [("fail", "exit code 1: ValueError: no such card"), ("crash", "ended by SIGKILL: it printed nothing")],
)
def test_a_stage_that_fails_says_why_and_keeps_its_results(tmp_path: Path, work: str, error: str) -> None:
    """An error of Python or a signal is the error of the stage; what it measured before stays."""
    (tmp_path / "check.log").write_text("printed by an earlier stage\n")
    stage = _ended(tmp_path, work)
    assert (stage["state"], stage["error"]) == ("failed", error)
    assert stage["results"] == [RESULT]


@pytest.mark.slow
def test_a_stage_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    """After its time the stage and all that it started are ended, and its results stay."""
    stage = _ended(tmp_path, "hang", seconds=HANG_SECONDS)
    assert stage["state"] == "out of time"
    (result,) = stage["results"]
    wait_until(lambda: not _runs(result["pid"]), "the child of the stage ended")


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
