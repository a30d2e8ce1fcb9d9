"""Orphans of a killed supervisor: found by their working folder or environment, and ended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil

GRACE_SECONDS = 20.0


def end_postgres_on(folder: Path) -> None:
    """End every Postgres process whose working folder is `folder`, and remove a stale pid file.

    A backend can outlive its killed postmaster for a moment; a new postmaster refuses to start beside it. The pid in
    the file may belong to another program by now, which Postgres takes for a running server.
    """
    at = folder.resolve()
    _end(lambda process: "postgres" in process.name() and Path(process.cwd()) == at, signal.SIGQUIT)
    (folder / "postmaster.pid").unlink(missing_ok=True)


def end_processes_with(variable: str, value: str) -> list[int]:
    """End every other process whose environment has `variable=value`. Return their process ids."""
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
                process.send_signal(signal.SIGCONT)  # a stopped process handles no signal before
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
