"""Child processes: started, awaited and stopped by their own handles.

A child leads a process group of its own: Ctrl-C in a terminal reaches the parent alone, and the processes that the
child started end with it. It dies when this process dies, however that happens (see launch.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

from kinolog.durable_files import PRIVATE_FOLDER
from kinolog_stack.errors import StartError

LAUNCHER = Path(__file__).with_name("launch.py")
KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ProcessAccount:
    """The system user under which a child runs."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """How to run a child: program, environment, user, log file and how to stop it."""

    name: str
    argv: Sequence[str]
    log_path: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: ProcessAccount | None = None
    """The user that it runs as; None for the user of this process."""
    appears_as: int | None = None
    """The user id that it takes for its own, while it runs as the user of this process."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    death_signal: signal.Signals = signal.SIGKILL
    capture_stdout: bool = False


class ChildProcess:
    """A started process."""

    def __init__(self, command: ChildCommand, process: subprocess.Popen[bytes]) -> None:
        self.command = command
        self.process = process

    @property
    def pid(self) -> int:
        """Process id; also the id of its process group."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """False once the process has ended."""
        return self.process.poll() is None

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait for the end and return the exit status. Raises `subprocess.TimeoutExpired`."""
        return self.process.wait(timeout_seconds)

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to the process. Does nothing once it has ended."""
        if self.running:
            self.process.send_signal(which)

    def stop(self) -> int:
        """Request a stop, wait, and kill the process after the time limit. Return the exit status."""
        self.signal(self.command.stop_signal)
        self.signal(signal.SIGCONT)  # a stopped process handles no signal before
        try:
            self.process.wait(self.command.stop_seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
        return self.reap()

    def kill(self) -> int:
        """Send SIGKILL, as a crash would end it. Return the exit status."""
        self.signal(signal.SIGKILL)
        return self.reap()

    def reap(self) -> int:
        """Wait for a process that is ending, and kill what is left of its group. Return the exit status."""
        status = self.process.wait(KILL_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the group is empty
            os.killpg(self.pid, signal.SIGKILL)
        return status


def spawn(command: ChildCommand) -> ChildProcess:
    """Start a process whose output is appended to `log_path`. Raises `StartError`."""
    return _spawner().submit(_spawn, command).result()


def last_lines(log_path: Path, lines: int = 15) -> str:
    """Return the last lines of a log file."""
    try:
        with log_path.open("rb") as log:
            log.seek(max(0, log_path.stat().st_size - 16_384))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def log_excerpt(log_path: Path) -> str:
    """Return the name and the last lines of a log file, as the second half of an error message."""
    last = last_lines(log_path)
    return f"The end of {log_path}:\n{last}" if last else f"{log_path} is empty."


def _spawn(command: ChildCommand) -> ChildProcess:
    argv = [os.fspath(part) for part in command.argv]
    account = command.account
    user = f"{account.uid}:{account.gid}" if account else "-"
    if command.appears_as is not None:
        user = f"={command.appears_as}"
    launcher = [
        sys.executable,
        "-I",
        "-S",
        str(LAUNCHER),
        str(int(command.death_signal)),
        str(os.getpid()),
        user,
    ]
    try:
        command.log_path.parent.mkdir(
            mode=PRIVATE_FOLDER, exist_ok=True
        )  # whoever deletes the logs stops no restart
        with command.log_path.open("ab") as log:
            process = subprocess.Popen(  # the program is one of ours, never user input
                [*launcher, *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if command.capture_stdout else log,
                stderr=log,
                env=dict(command.env) if command.env is not None else None,
                cwd=command.cwd,
                start_new_session=True,
            )
    except OSError as error:
        raise StartError(f"{command.name} cannot be started: {error}") from error
    child = ChildProcess(command, process)
    with _children_lock:
        _children.add(child)
    return child


def kill_marked(name: str, value: str) -> None:
    """Kill every child whose environment has `name=value`, with its process group, and wait for none of them."""
    with _children_lock:
        children = [child for child in _children if (child.command.env or {}).get(name) == value]
    for child in children:
        if child.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended
                os.killpg(child.pid, signal.SIGKILL)


_children_lock = threading.RLock()  # a signal handler may interrupt its holder
_children: WeakSet[ChildProcess] = WeakSet()

_spawner_lock = threading.Lock()
_spawner_pool: ThreadPoolExecutor | None = None


def _spawner() -> ThreadPoolExecutor:
    """Return the one thread that starts every child. It lives as long as this process.

    The kernel takes the end of the thread that forked for the death of the parent.
    """
    global _spawner_pool
    with _spawner_lock:
        if _spawner_pool is None:
            _spawner_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kinolog-spawn")
        return _spawner_pool
