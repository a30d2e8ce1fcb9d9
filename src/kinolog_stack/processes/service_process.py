"""A Python process of kinolog as a child: started, awaited until its ready line, stopped."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kinolog.process.ready_line import parse
from kinolog_stack.errors import StartError
from kinolog_stack.processes.answers import WaitOn, answers_http
from kinolog_stack.processes.child_process import ChildCommand, ChildProcess, log_excerpt, spawn
from kinolog_stack.processes.program import Program


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """How to run one process: arguments, whole environment, and time limits for stop and start in seconds."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    stop_seconds: float = 10.0
    ready_seconds: float = 180.0
    health_url: str = ""
    """An address that the process answers while it runs; empty if it has none."""


class ServiceProcess(Program):
    """One long-running process. `announced` holds the addresses of its ready line."""

    def __init__(self, spec: ServiceSpec, log_path: Path) -> None:
        self.spec = spec
        self.log_path = log_path
        self.announced: dict[str, str] = {}
        self._changed = threading.Event()

    def start(self) -> None:
        """Start the process and wait for its ready line. Raises `StartError`."""
        self.announced = {}
        self._changed = threading.Event()
        child = spawn(_command(self.spec, self.log_path, capture_stdout=True))
        self.child = child
        threading.Thread(target=self._read_output, args=(child, self._changed), daemon=True).start()
        in_time = self._changed.wait(self.spec.ready_seconds)
        if self.announced:
            return
        if not in_time:
            problem = f"{self.spec.name} was not ready within {self.spec.ready_seconds:g} s."
            child.kill()
        else:
            problem = f"{self.spec.name} ended with status {child.stop()} while it started."
        raise StartError(problem, log_excerpt(self.log_path))

    def responds(self, wait_on: WaitOn) -> bool:
        """Return whether the process answers at its address before `wait_on` gives up. True if it has none."""
        return not self.spec.health_url or answers_http(self.spec.health_url, wait_on)

    def _read_output(self, child: ChildProcess, changed: threading.Event) -> None:
        """Read standard output to its end, so that the process never blocks on a full pipe."""
        stdout = child.process.stdout
        if stdout is None:
            return
        for line in stdout:
            announced = parse(line.decode("utf-8", "replace"))
            if announced is not None and changed is self._changed:
                self.announced = announced
                changed.set()
            # A full disk, or a folder that is gone, must not block the process.
            with contextlib.suppress(OSError), self.log_path.open("ab", buffering=0) as log:
                log.write(line)
        stdout.close()
        changed.set()


class OneShotProcess(Program):
    """A process that runs to its end, such as a migration."""

    def __init__(self, spec: ServiceSpec, log_path: Path) -> None:
        self.spec = spec
        self.log_path = log_path

    def start(self) -> None:
        """Run the process to its end. Raises `StartError` if it fails or exceeds its time limit."""
        child = self.child = spawn(_command(self.spec, self.log_path, capture_stdout=False))
        try:
            status = child.wait(self.spec.ready_seconds)
        except subprocess.TimeoutExpired as error:
            child.kill()
            problem = f"{self.spec.name} did not end within {self.spec.ready_seconds:g} s."
            raise StartError(problem, log_excerpt(self.log_path)) from error
        child.reap()
        self.child = None
        if status != 0:
            raise StartError(f"{self.spec.name} failed with status {status}.", log_excerpt(self.log_path))

    def stop(self) -> None:
        """Kill the process: it has nothing to finish."""
        self.kill()


def _command(spec: ServiceSpec, log_path: Path, *, capture_stdout: bool) -> ChildCommand:
    return ChildCommand(
        name=spec.name,
        argv=spec.argv,
        log_path=log_path,
        env=spec.env,
        stop_signal=signal.SIGTERM,
        stop_seconds=spec.stop_seconds,
        capture_stdout=capture_stdout,
    )
