"""A program in a terminal of its own, whose keys are pressed and whose screen is read."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import psutil

from tests.bench.screen import YES, Screen

READ_BYTES = 1 << 16
MOST_SECONDS = 60.0


class NeverShown(Exception):
    """What was waited for did not come; holds what was shown instead."""


class Terminal:
    """`command` in a pseudo terminal of so many cells, from its start to `close`."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], columns: int = 120, rows: int = 40
    ) -> None:
        self.screen = Screen(columns, rows)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, columns * 10, rows * 20))
        self.started = perf_counter()
        self._child = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(env), start_new_session=True
        )
        os.close(slave)
        self.process = psutil.Process(self._child.pid)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the program."""
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        os.close(self._master)

    def until(self, shown: Callable[[Screen], object], since: float) -> float:
        """Seconds from `since` until the screen is so. Raises `NeverShown`."""
        while not shown(self.screen):
            left = MOST_SECONDS - (perf_counter() - since)
            if left <= 0 or not self._read(left):
                raise NeverShown(self.screen.text())
        return perf_counter() - since

    def press(self, key: str, shown: Callable[[Screen], object]) -> float:
        """Seconds from a key until the screen is so."""
        self.idle(0.0)
        since = perf_counter()
        os.write(self._master, key.encode())
        return self.until(shown, since)

    def idle(self, seconds: float) -> None:
        """Only read, for so long."""
        ends_at = perf_counter() + seconds
        while self._read(max(0.0, ends_at - perf_counter())):
            pass

    def share_of_core(self, seconds: float) -> float:
        """Percent of a core that the program spends while nobody presses a key."""
        before, started = self._spent(), perf_counter()
        self.idle(seconds)
        return 100 * (self._spent() - before) / (perf_counter() - started)

    def _spent(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def _read(self, seconds: float) -> bool:
        """Take in what comes within so many seconds; False when nothing does."""
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            raw = os.read(self._master, READ_BYTES)
        except OSError:
            return False  # the program is gone
        self.screen.feed(raw)
        if self.screen.asked:
            self.screen.asked = False
            os.write(self._master, YES)
        return True
