"""A program that runs as one child process at a time: it is stopped, killed and started again in one way."""

from __future__ import annotations

from abc import ABC, abstractmethod

from kinolog_stack.processes.child_process import ChildProcess


class Program(ABC):
    """A server or a service. `child` is its process; None before the start and after `stop` or `kill`."""

    child: ChildProcess | None = None

    @abstractmethod
    def start(self) -> None:
        """Start and return when it serves. Raises `StartError`."""

    def stop(self) -> None:
        """Request a stop, and kill the process after its time limit. Does nothing if it does not run."""
        if (child := self._release()) is not None:
            child.stop()

    def kill(self) -> None:
        """Send SIGKILL, as a crash would end it. Does nothing if it does not run."""
        if (child := self._release()) is not None:
            child.kill()

    def restart(self) -> None:
        """Stop it and start it again, as it was."""
        self.stop()
        self.start()

    @property
    def running(self) -> bool:
        """True while the process runs."""
        return self.child is not None and self.child.running

    def _release(self) -> ChildProcess | None:
        """Return the child, which is this program's no more."""
        child, self.child = self.child, None
        return child
