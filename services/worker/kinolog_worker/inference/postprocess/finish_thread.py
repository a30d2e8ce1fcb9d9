"""The thread that finishes the files of drawn frames while the next ones are drawn."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import get_ident, get_native_id
from typing import Protocol, TypeVar

from kinolog_worker.inference.library_output import logged_to

T = TypeVar("T")

LOWER_PRIORITY = 5
"""Added to the nice value of the thread: on a processor that draws, drawing goes first."""


class Background(Protocol):
    """Does work in the order in which it is submitted."""

    def submit(self, work: Callable[[], T], /) -> Future[T]:
        """Do this work after what was submitted before, and return its result to come."""
        ...


class FinishThread:
    """Does work in a thread of its own, one piece after the other."""

    def __init__(self) -> None:
        self._ident = 0
        self._executor = ThreadPoolExecutor(1, "finish", initializer=self._begin)

    def submit(self, work: Callable[[], T], /) -> Future[T]:
        """Do this work after what was submitted before, and return its result to come."""
        return self._executor.submit(work)

    def is_here(self, thread: int) -> bool:
        """Return whether this is the identifier of the thread."""
        return thread == self._ident

    def end(self) -> None:
        """Wait until all work is done. No more can be submitted."""
        self._executor.shutdown()

    def _begin(self) -> None:
        self._ident = get_ident()
        if hasattr(os, "setpriority"):  # of this thread alone on Linux
            with suppress(OSError):
                thread = get_native_id()
                priority = os.getpriority(os.PRIO_PROCESS, thread) + LOWER_PRIORITY
                os.setpriority(os.PRIO_PROCESS, thread, priority)


class JobFinishes:
    """Finishes the files of one job in the thread. `send_line` gets what is logged meanwhile, with its level."""

    def __init__(self, thread: FinishThread, send_line: Callable[[str, str], None]) -> None:
        self._thread = thread
        self._send_line = send_line

    def submit(self, work: Callable[[], T], /) -> Future[T]:
        """Do this work after what was submitted before, and return its result to come."""

        def logged() -> T:
            with logged_to(self._send_line, self._thread.is_here):
                return work()

        return self._thread.submit(logged)
