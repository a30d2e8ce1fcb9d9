"""Ending processes that an earlier, killed supervisor left behind; found by what they do, not by name."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil

GRACE_SECONDS = 20.0


def end_postgres_on(folder: Path) -> None:
    """End every Postgres process that works in `folder`, and remove a pid file that nobody owns any more.

    A backend can outlive its killed postmaster for a moment; a new one would refuse to start beside it. The
    pid in the file may since belong to any other program, which Postgres takes for a running server.
    """
    at = folder.resolve()
    _end(lambda process: "postgres" in process.name() and Path(process.cwd()) == at, signal.SIGQUIT)
    (folder / "postmaster.pid").unlink(missing_ok=True)


def end_marked(variable: str, value: str) -> list[int]:
    """End every other process whose environment has `variable=value`; returns their ids."""
    own = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    return _end(
        lambda process: process.pid not in own and process.environ().get(variable) == value, signal.SIGTERM
    )


def _end(belongs: Callable[[psutil.Process], bool], first: signal.Signals) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if belongs(process):
                process.send_signal(first)
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    _, alive = psutil.wait_procs(found, timeout=GRACE_SECONDS)
    for process in alive:
        try:
            process.kill()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)
    return [process.pid for process in found]
