"""Whether a process does something, or would if the machine let it: it computes, or waits for a processor or a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

HELD_STATES = ("R", "D")
"""States of a thread that runs or waits for a processor, and of one that waits for a disk."""
NANOSECONDS = 1e-9


class Activity:
    """Measures one process from look to look. A process that is gone does nothing."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._used: dict[str, float] | None = None

    def seconds(self, elapsed: float) -> float:
        """Return for how much of the time since the last look the process was active, at most `elapsed` seconds.

        The kernel counts for each thread how long it ran and how long it waited for a processor. A thread that does
        either at this moment, or waits for a disk, was active all the time: its wait is counted when it ends.
        """
        before, self._used = self._used, used_seconds(self._pid)
        if is_held(self._pid):
            return elapsed
        if before is None:
            return 0.0
        grown = sum(max(0.0, used - before.get(thread, 0.0)) for thread, used in self._used.items())
        return min(grown, elapsed)


def used_seconds(pid: int) -> dict[str, float]:
    """Return by thread how long it ran and waited for a processor; of the whole process where the kernel does not say.

    Empty if the process is gone.
    """
    used = {}
    for thread in _threads(pid):
        try:
            ran, waited, *_ = (thread / "schedstat").read_text(encoding="ascii").split()
        except (OSError, ValueError):  # it has ended, or this kernel does not count
            continue
        used[thread.name] = (int(ran) + int(waited)) * NANOSECONDS
    if used:
        return used
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return {}
    return {"": float(times.user + times.system)}


def is_held(pid: int) -> bool:
    """Return whether a thread of a process runs, or waits for a processor or a disk, at this moment."""
    states = [state for thread in _threads(pid) if (state := _state(thread))]
    if states:
        return any(state in HELD_STATES for state in states)
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
    except psutil.Error:
        return False


def is_stopped(pid: int) -> bool:
    """Return whether a process is stopped by a signal or a debugger."""
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def _threads(pid: int) -> Iterator[Path]:
    """Yield the folders of the threads of a process; none without Linux, and of a process that is gone."""
    try:
        yield from Path(f"/proc/{pid}/task").iterdir()
    except OSError:
        return


def _state(thread: Path) -> str:
    """Return the letter of a thread's state; empty if it has ended. The name before it may hold any character."""
    try:
        return (thread / "stat").read_bytes().rpartition(b") ")[2][:1].decode("ascii")
    except OSError:
        return ""
