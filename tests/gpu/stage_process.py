"""The process of a stage: forked from one that has imported what all stages import, and ended with all that it started.

Importing torch and diffusers takes seconds, which a machine that is lent for minutes should spend once.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TypeAlias

from tests.gpu.context import ERROR_CHARACTERS, OUT_OF_TIME
from tests.gpu.report import CheckReport

_STAGES = get_context("forkserver")

EXIT_SECONDS = 5.0
"""How long a killed process may take to exit: a hung driver holds it."""

Record: TypeAlias = Callable[[Mapping[str, Any]], None]
Work: TypeAlias = Callable[[Record], None]
"""The work of a stage; a function of a module, or one with arguments bound by `functools.partial`."""


@dataclass(frozen=True, slots=True)
class StageEnd:
    """How a stage ended: `finished`, `failed` or `out of time`, and why."""

    state: str
    error: str = ""


def import_once(modules: Sequence[str]) -> None:
    """Name what is imported before the first stage, for all of them. A module that cannot be imported is left out."""
    _STAGES.set_forkserver_preload(list(modules))


def run_stage(work: Work, *, seconds: float, report: CheckReport, log: Path) -> StageEnd:
    """Do the work in a process of its own for at most so many seconds, and add its results to the report.

    What the process prints is added to the file `log`. It has the environment that this process had at its first stage.
    """
    begin = log.stat().st_size if log.exists() else 0
    deadline = time.monotonic() + seconds
    receiver, sender = _STAGES.Pipe(duplex=False)
    process = _STAGES.Process(target=_run, args=(work, sender, log))
    process.start()
    sender.close()
    try:
        with receiver:
            _add_results(receiver, report, deadline)
        process.join(max(0.0, deadline - time.monotonic()))
    finally:
        late = process.exitcode is None
        _end(process)
    if late:
        return StageEnd(OUT_OF_TIME, f"it was stopped after {seconds:.0f} s")
    exit_code = process.exitcode or 0
    if exit_code == 0:
        return StageEnd("finished")
    how = f"ended by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"
    return StageEnd("failed", f"{how}: {_last_line(log, begin)}")


def _run(work: Work, results: connection.Connection, log: Path) -> None:
    """In the process of the stage: leave the group of the check, print into the log, and do the work."""
    os.setpgid(0, 0)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable()
    try:
        work(lambda result: results.send_bytes(json.dumps(result).encode()))
    except BaseException:
        traceback.print_exc()
        sys.exit(1)


def _add_results(results: connection.Connection, report: CheckReport, deadline: float) -> None:
    """Add what the process sends until it ends, or until the deadline. Half a result at the end is none."""
    with suppress(EOFError):
        while results.poll(max(0.0, deadline - time.monotonic())):
            report.add(json.loads(results.recv_bytes()))


def _end(process: ForkServerProcess) -> None:
    """End the process and all that it started."""
    process.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.join(EXIT_SECONDS)
    if process.exitcode is None:
        print("the killed stage does not exit and is left to the system", flush=True)


def _last_line(log: Path, begin: int) -> str:
    """Return the last line that was written into a file after a position."""
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").split("\n")
    printed = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return printed[:ERROR_CHARACTERS]
