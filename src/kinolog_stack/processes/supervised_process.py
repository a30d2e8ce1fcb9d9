"""A part that is kept alive: when it ends by itself it is started again, ever more slowly when that does not help."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from kinolog.process.logs import fields
from kinolog_stack.errors import StartError
from kinolog_stack.processes.child_process import ChildProcess

FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 20.0
STEADY_SECONDS = 30.0

log = logging.getLogger(__name__)


class Supervisable(Protocol):
    """What can be kept: a server or a service."""

    child: ChildProcess | None

    def start(self) -> None:
        """Start and return when it serves. Raises StartError."""

    def stop(self) -> None:
        """Stop it, whatever it is doing."""


class SupervisedProcess:
    """One part and the thread that watches it. Tests end parts through `kill`; the part comes back by itself."""

    def __init__(
        self,
        name: str,
        part: Supervisable,
        on_change: Callable[[SupervisedProcess], None] = lambda kept: None,
    ) -> None:
        self.name = name
        self.part = part
        self.state = "stopped"
        self.problem = ""
        self.starts = 0
        self.since = ""
        self._on_change = on_change
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Process id, while it serves."""
        child = self.part.child
        return child.pid if child is not None and child.running else None

    def start(self) -> None:
        """Start the part, and keep it. Raises StartError when it does not start the first time."""
        self._stopping.clear()
        self._set("starting")
        try:
            self.part.start()
        except BaseException:
            self._set("stopped")
            raise
        self._set("running")
        self._thread = threading.Thread(target=self._keep, name=f"keep-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the part for good, also while it is being started again."""
        self._stopping.set()
        self.part.stop()
        while self.state == "starting" or (self._thread is not None and self._thread.is_alive()):
            self.part.stop()
            with self._changed:
                self._changed.wait(0.05)
        self.part.stop()
        self._set("stopped")

    def kill(self) -> None:
        """SIGKILL to the process, as a crash would end it; returns when it has ended."""
        child = self.part.child
        if child is not None:
            child.signal(signal.SIGKILL)
            child.wait()

    def wait_started(self, starts: int, timeout_seconds: float = 60.0) -> bool:
        """Wait until it has been started `starts` times in all (the first start is one)."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self.starts >= starts and self.state == "running", timeout_seconds
            )

    def _keep(self) -> None:
        failures = 0
        while True:
            child, since = self.part.child, time.monotonic()
            if child is not None:
                child.wait()
                child.reap()
            if self._stopping.is_set():
                return
            status = child.process.returncode if child is not None else None
            log.warning(
                "a part ended and is started again", extra=fields("restart", part=self.name, status=status)
            )
            if time.monotonic() - since > STEADY_SECONDS:
                failures = 0
            self._set("restarting", f"ended with status {status}")
            failures = self._start_again(failures)
            if self._stopping.is_set():
                return
            self._set("running")

    def _start_again(self, failures: int) -> int:
        """Try until it runs or nobody wants it any more; returns how often it failed of late."""
        while not self._stopping.wait(_backoff_seconds(failures)):
            failures += 1
            try:
                self.part.start()
            except Exception as error:  # whatever it is, the part is wanted: try again
                if not self._stopping.is_set():
                    log.error(
                        "a part does not start", extra=fields("restart", part=self.name, problem=str(error))
                    )
                    self._set("restarting", error.problem if isinstance(error, StartError) else str(error))
            else:
                break
        return failures

    def _set(self, state: str, problem: str = "") -> None:
        with self._changed:
            self.state = state
            self.problem = problem
            if state == "running":
                self.starts += 1
                self.since = datetime.now(UTC).isoformat(timespec="seconds")
            self._changed.notify_all()
        self._on_change(self)


def _backoff_seconds(failures: int) -> float:
    return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 16), LONGEST_BACKOFF_SECONDS)
