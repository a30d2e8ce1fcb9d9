"""The process of a stage: started, listened to, and ended with all that it started."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from tests.gpu.context import ERROR_CHARACTERS, OUT_OF_TIME
from tests.gpu.installation import ROOT
from tests.gpu.report import CheckReport

EXIT_SECONDS = 5.0
"""How long a killed process may take to exit: a hung driver holds it."""

READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class StageEnd:
    """How a stage ended: `finished`, `failed` or `out of time`, and why."""

    state: str
    error: str = ""


def run_stage(
    command: Sequence[str],
    *,
    seconds: float,
    environment: Mapping[str, str],
    report: CheckReport,
    log: IO[bytes],
) -> StageEnd:
    """Run the command for at most so many seconds, and add the results that it writes to the report.

    Each line of its standard output is a result, a JSON object. Its standard error goes to `log`, a file.
    """
    log.write(f"=== {' '.join(command)}\n".encode())
    log.flush()
    begin = log.tell()
    deadline = time.monotonic() + seconds
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    try:
        with cast(IO[bytes], process.stdout) as results:
            _add_results(results, report, deadline)
        exit_code = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return StageEnd(OUT_OF_TIME, f"it was stopped after {seconds:.0f} s")
    finally:
        _end(process)
    if exit_code == 0:
        return StageEnd("finished")
    how = f"ended by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"
    return StageEnd("failed", f"{how}: {_last_line(Path(log.name), begin)}")


def _add_results(results: IO[bytes], report: CheckReport, deadline: float) -> None:
    """Add what the process writes until it ends, or until the deadline. Half a line at the end is no result."""
    with selectors.DefaultSelector() as selector:
        selector.register(results, selectors.EVENT_READ)
        half = b""
        while selector.select(max(0.0, deadline - time.monotonic())):
            read = os.read(results.fileno(), READ_BYTES)
            if not read:
                return
            *lines, half = (half + read).split(b"\n")
            for line in lines:
                report.add(json.loads(line))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    try:
        process.wait(EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        print("the killed stage does not exit and is left to the system", flush=True)


def _last_line(log: Path, begin: int) -> str:
    """Return the last line that was written into a file after a position."""
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").split("\n")
    printed = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return printed[:ERROR_CHARACTERS]
