"""Causes of the exit of a process."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from asyncio.subprocess import Process
from pathlib import Path

EXIT_SECONDS = 1.0
"""How long a process may take to exit after it closed its connection."""

_MEMORY_EVENTS = Path("/sys/fs/cgroup/memory.events")


def out_of_memory_kills() -> int:
    """Return how many processes of this control group the kernel has killed for memory; 0 where that is unknown."""
    try:
        found = re.search(r"^oom_kill (\d+)$", _MEMORY_EVENTS.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def exit_cause(exit_code: int, *, killed_for_memory: bool) -> tuple[str, str]:
    """Return error code and message for a process that ended by itself. A negative exit code is a signal."""
    if exit_code == -signal.SIGKILL and killed_for_memory:
        return "OUT_OF_MEMORY", "the inference process was killed because memory ran out"
    if exit_code < 0:
        return "WORKER_CRASHED", f"the inference process was ended by {_signal_name(-exit_code)}"
    return "WORKER_CRASHED", f"the inference process ended with exit code {exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def exit_code_of(process: Process) -> int:
    """Return the exit code of a process that closed its connection. Kill it if it does not exit.

    It is not killed at once: asyncio's `kill` polls the process, which can take the exit code away from the task
    that waits for it.
    """
    try:
        async with asyncio.timeout(EXIT_SECONDS):
            return await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()
