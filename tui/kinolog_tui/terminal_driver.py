"""Textual's driver of a terminal that may go away.

Textual writes in a thread that ends with the first error, and whose queue holds 30 writes. When the terminal is gone,
the next writes fill the queue, and the dashboard waits for room without end: no signal but SIGKILL ends it.
"""

from __future__ import annotations

import io
from typing import IO, Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class LosableOutput(io.TextIOBase):
    """The output to a terminal. Once it is gone, what is written is dropped."""

    def __init__(self, terminal: IO[str]) -> None:
        self._terminal = terminal
        self._gone = False

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        if not self._gone:
            try:
                return self._terminal.write(text)
            except OSError:
                self._gone = True
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, or drop it."""
        if not self._gone:
            try:
                self._terminal.flush()
            except OSError:
                self._gone = True

    def fileno(self) -> int:
        """Return the terminal's file number."""
        return self._terminal.fileno()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._terminal.isatty()


class TerminalDriver(LinuxDriver):
    """The driver, with an output that may be lost."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._file: Any = LosableOutput(self._file)
