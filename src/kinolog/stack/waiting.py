"""Waiting for a server by asking it, with a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from kinolog.stack.children import Child, tail
from kinolog.stack.errors import StartError

FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.2


def wait_until(ready: Callable[[], bool], child: Child, timeout_seconds: float) -> None:
    """Return when `ready()` says yes; raise StartError when the child ends before, or the time is up."""
    name, log_path = child.command.name, child.command.log_path
    deadline = time.monotonic() + timeout_seconds
    pause = FIRST_PAUSE_SECONDS
    while not ready():
        if not child.running:
            status = child.reap()
            raise StartError(f"{name} ended with status {status} while it started.", _log_says(log_path))
        if time.monotonic() > deadline:
            raise StartError(f"{name} was not ready within {timeout_seconds:g} s.", _log_says(log_path))
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _log_says(log_path: Path) -> str:
    last = tail(log_path)
    return f"The end of {log_path}:\n{last}" if last else f"{log_path} is empty."
