"""Waiting for a server by asking it, with a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable

from kinolog_stack.errors import StartError
from kinolog_stack.processes.child_process import ChildProcess, log_says

FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.2


def wait_until(ready: Callable[[], bool], child: ChildProcess, timeout_seconds: float) -> None:
    """Return when `ready()` says yes; raise StartError when the child ends before, or the time is up."""
    name, log_path = child.command.name, child.command.log_path
    deadline = time.monotonic() + timeout_seconds
    pause = FIRST_PAUSE_SECONDS
    while not ready():
        if not child.running:
            status = child.reap()
            raise StartError(f"{name} ended with status {status} while it started.", log_says(log_path))
        if time.monotonic() > deadline:
            raise StartError(f"{name} was not ready within {timeout_seconds:g} s.", log_says(log_path))
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
