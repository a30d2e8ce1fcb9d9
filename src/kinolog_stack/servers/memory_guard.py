"""Keeps a nats-server whose streams are damaged from taking all memory of the machine. See decision 71."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from kinolog.process.logs import fields
from kinolog_stack.processes.child_process import ChildProcess

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30

LOOK_SECONDS = 0.2
"""A server with a damaged block takes about 1 GiB in a second."""

PER_STORED_BYTE = 4
"""What the server keeps of a message, its subject and its place, is at most about as large as the message. Its garbage
collector lets that grow to twice the size, and an index is copied while it grows.
"""

LARGEST_SHARE = 0.75
"""Share of the memory of the machine, which other processes need as well."""

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")

logger = logging.getLogger(__name__)


def allowed_bytes(stored_bytes: int, base_bytes: int = GIBIBYTE, times: int = 1) -> int:
    """Return how much memory a server may take whose streams store this much, and who needs it this many times."""
    return min((base_bytes + PER_STORED_BYTE * stored_bytes) * times, most_bytes())


def most_bytes() -> int:
    """Return how much memory a server may take, whatever it stores."""
    return int(machine_bytes() * LARGEST_SHARE)


def machine_bytes(cgroup_limit: Path = CGROUP_LIMIT) -> int:
    """Return the memory of this machine, or that of the container in which this process runs."""
    total = int(psutil.virtual_memory().total)
    try:
        return min(total, int(cgroup_limit.read_text()))
    except (OSError, ValueError):  # there is none, or it says "max"
        return total


class MemoryGuard:
    """Looks how much memory a child takes, and kills it when that is more than `allowed` returns."""

    def __init__(self, child: ChildProcess, allowed: Callable[[], int]) -> None:
        self._child = child
        self._allowed = allowed
        self._known_allowed = 0
        self.taken_bytes = 0
        """How much it took when it was killed for that; 0 before."""

    def start(self) -> None:
        """Look from now on, in a thread of its own, which ends with the child."""
        threading.Thread(target=self._run, name=f"memory-{self._child.command.name}", daemon=True).start()

    def _run(self) -> None:
        is_reported = False
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._child.pid)
            while self._child.running and not self.taken_bytes:
                try:
                    self._look(process)
                except (psutil.AccessDenied, OSError):  # the next look may succeed
                    if not is_reported:
                        logger.exception("the memory of a process cannot be seen", extra=fields("memory"))
                    is_reported = True
                time.sleep(LOOK_SECONDS)

    def _look(self, process: psutil.Process) -> None:
        taken = int(process.memory_info().rss)
        if taken <= self._known_allowed:
            return
        self._known_allowed = self._allowed()  # its streams may store more by now
        if taken > self._known_allowed:
            self.taken_bytes = taken
            self._child.signal(signal.SIGKILL)
            logger.error(
                "a process takes too much memory and is killed",
                extra=fields(
                    "memory", part=self._child.command.name, taken=taken, allowed=self._known_allowed
                ),
            )
