"""Whether the inference process is frozen: it answers no ping and does nothing else either. See docs/decisions/0067."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kinolog.process_activity import HELD_STATES, STOPPED_STATES, disk_faults, thread_states, used_seconds

FREEZE_SECONDS = 60.0
"""How long the inference process may be frozen before it is killed."""

WORK_SECONDS = 0.1
"""A process that used a processor for so long since it was last seen alive does something."""

MOST_STEP_SECONDS = 2.0
"""Time grows by at most this much between two looks: a machine, or a supervisor, that was suspended accuses nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingCommand:
    """To the inference process: answer at once, whatever it computes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PongMessage:
    """From the inference process: the answer to a `PingCommand`."""


class Freeze:
    """How long one process has been frozen. Every sign of life counts as one, since a wrong kill costs an attempt.

    Signs are the answer to a ping, the use of a processor, a thread that runs or waits for a processor or a disk, and
    memory that was read from a disk. A process that a signal stopped shows none of them. One that waits for a GPU
    answers its pings, for its libraries release the interpreter lock meanwhile, or it spins. Where the kernel does not
    say what a process does, none is ever frozen.
    """

    def __init__(self, pid: int, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pid = pid
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._looked_at = clock()
        self._used: dict[str, float] = {}
        self._faults = 0
        self._worked_seconds = 0.0
        self.seconds = 0.0
        self.is_asked = False
        """Whether a ping waits for its answer."""

    def ask(self) -> None:
        """Note that a ping was sent."""
        self.is_asked = True

    def answered(self) -> None:
        """Note that the ping was answered."""
        self.is_asked = False
        self._begin()

    def is_over_limit(self) -> bool:
        """Look at the process. Return whether it is frozen for longer than it may be."""
        now = self._clock()
        elapsed, self._looked_at = min(now - self._looked_at, MOST_STEP_SECONDS), now
        if self._is_active():
            self._begin()
        elif self.is_asked:
            self.seconds += elapsed
        return self.seconds >= self._limit_seconds

    def is_stopped(self) -> bool:
        """Look whether a signal or a debugger holds the process. Then its work did not freeze it."""
        return any(state in STOPPED_STATES for state in thread_states(self._pid))

    def _begin(self) -> None:
        self.seconds = self._worked_seconds = 0.0

    def _is_active(self) -> bool:
        """Return whether the process did something since it was last seen to."""
        states = thread_states(self._pid)
        used, before = used_seconds(self._pid), self._used
        faults, faults_before = disk_faults(self._pid), self._faults
        self._used, self._faults = used, faults
        self._worked_seconds += sum(
            max(0.0, seconds - before.get(thread, 0.0)) for thread, seconds in used.items()
        )
        return (
            not states
            or any(state in HELD_STATES for state in states)
            or faults > faults_before
            or self._worked_seconds >= WORK_SECONDS
        )
