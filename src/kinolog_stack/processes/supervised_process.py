"""A process that is restarted when it ends by itself, with exponential backoff."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from kinolog.process.backoff import Backoff
from kinolog.process.logs import fields
from kinolog_stack.errors import StartError
from kinolog_stack.processes.answers import WaitOn
from kinolog_stack.processes.child_process import ChildProcess

BACKOFF = Backoff(first_seconds=0.1, longest_seconds=20.0)
STEADY_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Supervisable(Protocol):
    """A server or a service that can be supervised."""

    child: ChildProcess | None

    def start(self) -> None:
        """Start and return when it serves. Raises `StartError`."""

    def stop(self) -> None:
        """Stop, also while it starts."""

    def responds(self, wait_on: WaitOn) -> bool:
        """Return whether it answers before `wait_on` gives up. True if it cannot be asked."""


class SupervisedProcess:
    """A process and the thread that restarts it. `since` is when it last began to run, in ISO format.

    An error of `on_change` is logged and has no other effect.
    """

    def __init__(
        self,
        name: str,
        program: Supervisable,
        on_change: Callable[[SupervisedProcess], None] = lambda process: None,
    ) -> None:
        self.name = name
        self.program = program
        self.state = "stopped"
        self.problem = ""
        self.starts = 0
        self.since = ""
        self._on_change = on_change
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._silence = ""
        """Why a watchdog killed the process; empty if it ended by itself."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        child = self.program.child
        return child.pid if child is not None and child.running else None

    def start(self) -> None:
        """Start and supervise. Raises `StartError` if the first start fails."""
        self._stopping.clear()
        self._set("starting")
        try:
            self.program.start()
        except BaseException:
            self._set("stopped")
            raise
        self._set("running")
        self._thread = threading.Thread(target=self._supervise, name=f"supervise-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop for good, also during a restart."""
        self._stopping.set()
        self.program.stop()
        while self.state == "starting" or (self._thread is not None and self._thread.is_alive()):
            self.program.stop()
            with self._changed:
                self._changed.wait(0.05)
        self.program.stop()
        self._set("stopped")

    def end_supervision(self) -> None:
        """Restart the process no more. Does not wait, and leaves a process that runs as it is."""
        self._stopping.set()

    def kill(self) -> None:
        """Send SIGKILL and wait for the end. The process is restarted, as after a crash."""
        child = self.program.child
        if child is not None:
            child.signal(signal.SIGKILL)
            child.wait()

    def kill_silent(self, child: ChildProcess, why: str) -> None:
        """Kill a child that does not answer, unless it has been replaced. `why` becomes the problem of its restart."""
        with self._changed:
            if self.program.child is not child or self._stopping.is_set():
                return
            self._silence = why
        child.signal(signal.SIGKILL)

    def wait_started(self, starts: int, timeout_seconds: float = 60.0) -> bool:
        """Wait until it runs and was started `starts` times in all. Return False after the time limit."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self.starts >= starts and self.state == "running", timeout_seconds
            )

    def _supervise(self) -> None:
        failures = 0
        while True:
            child, since = self.program.child, time.monotonic()
            if child is not None:
                child.wait()
                child.reap()
            if self._stopping.is_set():
                return
            status = child.process.returncode if child is not None else None
            logger.warning(
                "a process ended and is restarted",
                extra=fields("restart", part=self.name, status=status),
            )
            if time.monotonic() - since > STEADY_SECONDS:
                failures = 0
            self._set("restarting", self._take_silence() or f"ended with status {status}")
            failures = self._restart(failures)
            if self._stopping.is_set():
                return
            self._set("running")

    def _restart(self, failures: int) -> int:
        """Start until it runs or `stop` is called. Return the number of failures in a row."""
        while not self._stopping.wait(BACKOFF.seconds(failures + 1)):
            failures += 1
            try:
                self.program.start()
            except Exception as error:  # any error: try again until `stop` is called
                if not self._stopping.is_set():
                    logger.error(
                        "a process does not start",
                        extra=fields("restart", part=self.name, problem=str(error)),
                    )
                    problem = _with_reason(error) if isinstance(error, StartError) else str(error)
                    self._set("restarting", self._take_silence() or problem)
            else:
                break
        return failures

    def _take_silence(self) -> str:
        with self._changed:
            why, self._silence = self._silence, ""
        return why

    def _set(self, state: str, problem: str = "") -> None:
        with self._changed:
            self.state = state
            self.problem = problem
            if state == "running":
                self.starts += 1
                self.since = datetime.now(UTC).isoformat(timespec="seconds")
            self._changed.notify_all()
        try:
            self._on_change(self)
        except Exception:  # such as a terminal that is gone: whoever watches must not end the supervision
            logger.exception("a change could not be reported", extra=fields("report", part=self.name))


def _with_reason(error: StartError) -> str:
    """Return what is wrong, with what to do, or with the last line that the process wrote, which says why."""
    lines = [line.strip() for line in error.remedy.splitlines() if line.strip()]
    return f"{error.problem} {lines[-1]}" if lines else error.problem
