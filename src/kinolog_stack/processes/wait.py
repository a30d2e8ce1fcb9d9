"""Wait for a server by polling it, with a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable

from kinolog.process.backoff import Backoff
from kinolog_stack.errors import StartError
from kinolog_stack.processes.child_process import ChildProcess, log_excerpt

BACKOFF = Backoff(first_seconds=0.01, longest_seconds=0.2)


def wait_until_ready(ready: Callable[[], bool], child: ChildProcess, timeout_seconds: float) -> None:
    """Return when `ready()` is true. Raises `StartError` if the child ends first or the time limit passes."""
    name, log_path = child.command.name, child.command.log_path
    deadline = time.monotonic() + timeout_seconds
    pauses = BACKOFF.pauses()
    while not ready():
        if not child.running:
            status = child.reap()
            raise StartError(f"{name} ended with status {status} while it started.", log_excerpt(log_path))
        if time.monotonic() > deadline:
            raise StartError(f"{name} was not ready within {timeout_seconds:g} s.", log_excerpt(log_path))
        time.sleep(next(pauses))
