"""Kills a process that runs and does not answer, so that its supervisor starts it again. See docs/decisions/0009."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from kinolog.process.logs import fields
from kinolog_stack.processes.activity import Activity, is_stopped
from kinolog_stack.processes.child_process import ChildProcess
from kinolog_stack.processes.supervised_process import SupervisedProcess

PROBE_SECONDS = 1.0
"""Pause between two questions to a process that answers."""
AGAIN_SECONDS = 0.2
"""Pause after a question that was not answered."""
ACTIVE_SHARE = 1 / 3
"""A second in which a process computes, or waits for a processor or a disk, counts as this much silence."""
MOST_STEP_SECONDS = 2.0
"""Silence grows by at most this much at a time: a machine, or a watchdog, that was suspended accuses nobody."""

logger = logging.getLogger(__name__)


class Silence:
    """How long one child has not answered: `seconds` as they count towards the limit, `lasted` as they passed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._activity: Activity | None = None
        self._counted_at = clock()
        self.child: ChildProcess | None = None
        self.seconds = 0.0
        self.lasted = 0.0

    def begin(self, child: ChildProcess | None) -> None:
        """Begin again: the child answered, or is another one."""
        self.child, self.seconds, self.lasted = child, 0.0, 0.0
        self._activity = Activity(child.pid) if child is not None else None
        self._counted_at = self._clock()

    def grow(self) -> None:
        """Count the time since the last call. Time in which the child is active counts for less."""
        now = self._clock()
        elapsed, self._counted_at = min(now - self._counted_at, MOST_STEP_SECONDS), now
        active = self._activity.seconds(elapsed) if self._activity is not None else 0.0
        self.lasted += elapsed
        self.seconds += elapsed - active * (1.0 - ACTIVE_SHARE)


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
        self._silence = Silence(clock)

    def run(self, stopping: threading.Event) -> None:
        """Ask until `stopping` is set. A question that fails is logged, and the next one follows."""
        while not stopping.wait(AGAIN_SECONDS if self._silence.seconds else PROBE_SECONDS):
            try:
                self.check(stopping)
            except Exception:
                logger.exception("a process could not be asked", extra=fields("ask", part=self._process.name))

    def check(self, stopping: threading.Event) -> None:
        """Ask once, and wait for an answer as long as the process may stay silent."""
        silence, child = self._silence, self._process.program.child
        if child is None or not child.running:
            silence.begin(None)
            return
        if child is not silence.child:
            silence.begin(child)

        def wait_on() -> bool:
            silence.grow()
            return child.running and not self._is_too_long() and not stopping.is_set()

        if self._answers(child, wait_on):
            silence.begin(child)
            return
        silence.grow()
        if child.running and self._is_too_long() and not stopping.is_set():
            logger.error(
                "a process does not answer and is killed",
                extra=fields("silent", part=self._process.name, seconds=silence.lasted),
            )
            self._process.kill_silent(child, f"has not answered for {silence.lasted:.0f} s")
            silence.begin(None)

    def _answers(self, child: ChildProcess, wait_on: Callable[[], bool]) -> bool:
        """Return whether a child that serves answers, and whether one that starts is not stopped.

        A start has a time limit of its own, which is minutes long: a stopped process does not use it.
        """
        if self._process.state != "running":
            return not is_stopped(child.pid)
        return self._process.program.responds(wait_on)

    def _is_too_long(self) -> bool:
        return self._silence.seconds >= self._silent_seconds
