"""Whether a process does something, or would if the machine let it: it computes, or waits for a processor or a disk."""

from __future__ import annotations

import psutil

from kinolog import process_activity


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
    used = process_activity.used_seconds(pid)
    if used:
        return used
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return {}
    return {"": float(times.user + times.system)}


def is_held(pid: int) -> bool:
    """Return whether a thread of a process runs, or waits for a processor or a disk, at this moment."""
    states = process_activity.thread_states(pid)
    if states:
        return any(state in process_activity.HELD_STATES for state in states)
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
