"""Works of stages. One runs as a stage of a check: `python -m tests.unit.gpu.stage_works NAME FOLDER SECONDS`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.gpu.report import CheckReport
from tests.gpu.stage_process import Record, run_stage

RESULT = {"name": "first", "state": "ok"}


def measure(record: Record) -> None:
    """Send a result, and print something."""
    record(RESULT)
    print("measured")


def fail(record: Record) -> None:
    """Send a result, and raise an error."""
    record(RESULT)
    raise ValueError("no such card")


def crash(record: Record) -> None:
    """Send a result, and end by a signal."""
    record(RESULT)
    os.kill(os.getpid(), signal.SIGKILL)


def hang(record: Record) -> None:
    """Start a process, send its id, and wait until it ends, which it does not."""
    child = subprocess.Popen((sys.executable, "-c", "import time; time.sleep(1000)"))
    record({"name": "child", "state": "ok", "pid": child.pid})
    child.wait()


def main(name: str, folder: Path, seconds: float) -> None:
    """Run one of the works as a stage that `folder`/check.json and check.log record."""
    report = CheckReport(folder / "check.json", device="cpu")
    report.begin("environment", seconds)
    work = {"measure": measure, "fail": fail, "crash": crash, "hang": hang}[name]
    end = run_stage(work, seconds=seconds, report=report, log=folder / "check.log")
    report.end(end.state, 1.0, end.error)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
