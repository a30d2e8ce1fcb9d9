"""What Linux says about the threads of a process: how long each ran, what it waits for, and what it read from a disk.

Everything is empty without Linux, and of a process that is gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

HELD_STATES = ("R", "D")
"""States of a thread that runs or waits for a processor, and of one that waits for a disk."""

STOPPED_STATES = ("T", "t")
"""States of a thread that a signal stopped, and of one that a debugger stopped."""

NANOSECONDS = 1e-9

_MAJOR_FAULTS, _USER_TICKS, _SYSTEM_TICKS = 9, 11, 12
"""Places of these numbers in the file `stat`, counted after the name."""


def used_seconds(pid: int) -> dict[str, float]:
    """Return by thread how long it ran and waited for a processor; without the waits where nobody counts them."""
    used = {}
    for thread in _threads(pid):
        try:
            ran, waited, *_ = (thread / "schedstat").read_text(encoding="ascii").split()
            used[thread.name] = (int(ran) + int(waited)) * NANOSECONDS
        except (OSError, ValueError):  # it has ended, or this kernel does not count
            stat = _stat(thread)
            if stat:
                ticks = int(stat[_USER_TICKS]) + int(stat[_SYSTEM_TICKS])
                used[thread.name] = ticks / os.sysconf("SC_CLK_TCK")
    return used


def thread_states(pid: int) -> list[str]:
    """Return the letters of the states of all threads."""
    return [stat[0] for thread in _threads(pid) if (stat := _stat(thread))]


def disk_faults(pid: int) -> int:
    """Return how often the threads that live touched memory that had to be read from a disk."""
    return sum(int(stat[_MAJOR_FAULTS]) for thread in _threads(pid) if (stat := _stat(thread)))


def _threads(pid: int) -> Iterator[Path]:
    """Yield the folders of the threads of a process."""
    try:
        yield from Path(f"/proc/{pid}/task").iterdir()
    except OSError:
        return


def _stat(thread: Path) -> list[str]:
    """Return what the file `stat` holds after the name, which may hold any character; empty if the thread has ended."""
    try:
        return (thread / "stat").read_bytes().rpartition(b") ")[2].decode("ascii").split()
    except OSError:
        return []
