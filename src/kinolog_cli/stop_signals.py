"""Ctrl-C while a stack runs: the first one stops it in order, the second one kills everything at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

from kinolog_cli.exit_codes import ExitCode

if TYPE_CHECKING:  # it is not installed everywhere, and takes time to load
    from kinolog_stack.stack import Stack

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WAKE_SIGNAL = signal.SIGURG
"""Does nothing but wake the main thread."""
EXIT_SECONDS = 0.5
"""How long the orderly end may still take after the second signal. Whatever is left dies with this process."""


class StopSignals:
    """Handles SIGINT, SIGTERM and SIGHUP of a command that runs a stack.

    While `interrupts` is true the first signal also raises KeyboardInterrupt in the main thread.
    """

    def __init__(self, stack: Stack, *, interrupts: bool = True) -> None:
        self.interrupts = interrupts
        self.stopping = threading.Event()
        self.aborted = False
        self._stack = stack

    def install(self) -> None:
        """Handle the signals from now on. SIGHUP stays ignored where nohup ignores it."""
        for which in SIGNALS:
            if which != signal.SIGHUP or signal.getsignal(which) is not signal.SIG_IGN:
                signal.signal(which, self._on_signal)
        _wake_main_thread_for_signals()

    def _on_signal(self, which: int, frame: FrameType | None) -> None:
        if self.aborted:
            return
        if self.stopping.is_set():
            self.aborted = True
            exit_timer = threading.Timer(EXIT_SECONDS, os._exit, [int(ExitCode.INTERRUPTED)])
            exit_timer.daemon = True
            exit_timer.start()
            self._stack.abort()
            return
        self.stopping.set()
        with suppress(
            OSError, RuntimeError
        ):  # the terminal is gone, or the signal came in the middle of a line
            sys.stderr.write("stopping …; Ctrl-C again kills everything at once\n")
            sys.stderr.flush()
        if self.interrupts:
            raise KeyboardInterrupt


def _wake_main_thread_for_signals() -> None:
    """Have every signal wake the main thread, which alone handles signals and may wait for long.

    The kernel gives a signal to any thread. That is often another one if the whole process was stopped when it came.
    """
    received, write = os.pipe()
    os.set_blocking(write, False)
    signal.signal(WAKE_SIGNAL, lambda which, frame: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    main_thread = threading.get_ident()

    def wake() -> None:
        while numbers := os.read(received, 64):
            if any(number != WAKE_SIGNAL for number in numbers):
                signal.pthread_kill(main_thread, WAKE_SIGNAL)

    threading.Thread(target=wake, name="wake-for-signals", daemon=True).start()
