"""Kills a process that runs and does not answer, so that its supervisor starts it again. See docs/decisions/0007."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from kinolog.process.logs import fields
from kinolog_stack.processes.child_process import ChildProcess
from kinolog_stack.processes.supervised_process import SupervisedProcess

PROBE_SECONDS = 1.0
"""Pause between two questions to a process that answers."""
AGAIN_SECONDS = 0.2
"""Pause after a question that was not answered."""
BUSY_FACTOR = 3.0
"""A process that computes without answering gets this much more time than one that does nothing."""
BUSY_SHARE = 0.3
"""Share of a core from which a process counts as computing."""
MOST_SILENT_SECONDS = 5.0
"""A question and its pause count as silence of at most this long: a suspended machine accuses nobody."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Silence:
    """How long one child has not answered, and the CPU time that it has used since its last answer, in seconds."""

    child: ChildProcess | None = None
    seconds: float = 0.0
    cpu_seconds_before: float = 0.0

    def begin(self, child: ChildProcess | None) -> None:
        """Begin again: the child answered, or is another one."""
        self.child, self.seconds = child, 0.0
        self.cpu_seconds_before = cpu_seconds(child)

    def limit(self, silent_seconds: float) -> float:
        """Return how long this child may stay silent: longer if it computes, or would if it got a processor."""
        used = cpu_seconds(self.child) - self.cpu_seconds_before
        is_busy = used > BUSY_SHARE * self.seconds or is_runnable(self.child)
        return silent_seconds * (BUSY_FACTOR if is_busy else 1.0)


class Watchdog:
    """Asks one supervised process for an answer, and kills it after `silent_seconds` without one."""

    def __init__(
        self,
        process: SupervisedProcess,
        silent_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process = process
        self._silent_seconds = silent_seconds
        self._clock = clock
        self._silence = Silence()

    def run(self, stopping: threading.Event) -> None:
        """Ask until `stopping` is set. A question that fails is logged, and the next one follows."""
        before = self._clock()
        while not stopping.wait(AGAIN_SECONDS if self._silence.seconds else PROBE_SECONDS):
            try:
                self.check(before)
            except Exception:
                logger.exception("a process could not be asked", extra=fields("ask", part=self._process.name))
            before = self._clock()

    def check(self, before: float) -> None:
        """Ask once. `before` is when the last question was answered or given up."""
        process, silence = self._process, self._silence
        child = process.program.child
        if process.state != "running" or child is None or not child.running:
            silence.begin(None)
            return
        if child is not silence.child:
            silence.begin(child)
        if process.program.responds():
            silence.begin(child)
            return
        silence.seconds += min(self._clock() - before, MOST_SILENT_SECONDS)
        if silence.seconds >= silence.limit(self._silent_seconds):
            why = f"does not answer since {silence.seconds:.0f} s"
            logger.error(
                "a process does not answer and is killed",
                extra=fields("silent", part=process.name, seconds=silence.seconds),
            )
            process.kill_silent(child, why)
            silence.begin(None)


def is_runnable(child: ChildProcess | None) -> bool:
    """Return whether a child waits for a processor or for a disk, not for something else or stopped by a signal."""
    if child is None:
        return False
    try:
        return psutil.Process(child.pid).status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
    except psutil.Error:
        return False


def cpu_seconds(child: ChildProcess | None) -> float:
    """Return the CPU time of a child; 0 if it cannot be read."""
    if child is None:
        return 0.0
    try:
        times = psutil.Process(child.pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
