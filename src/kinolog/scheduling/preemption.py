"""Which running job gives its device to a critical one that waits. Pure.

Each worker judges the job that it draws. While that job may be preempted, the worker waits for critical tickets. The
queue gives each ticket to one worker, so no critical job costs more than one other job its device.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from kinolog.job.values import Priority, Stage

PREEMPTING = Priority.CRITICAL
"""The priority of the jobs that take a device from others."""

PREEMPTIONS = 3
"""How often a job is preempted at most, unless the setting of its worker says otherwise."""

STAGES = frozenset({Stage.STORYBOARD, Stage.PREFETCH, Stage.ENCODE_PROMPT, Stage.DENOISE})
"""Stages that a job may be preempted in. In the others its device is free soon, and their work would be lost."""

_RANKS = {Priority.LOW: 0, Priority.MEDIUM: 1}
"""The priorities that are preempted, the first one first."""

DEAR_SECONDS = 30.0
"""Of one priority a job is preempted sooner if that loses less than this time, and the job needs more than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnJob:
    """A job that uses a device. `stage` is None before its first one.

    `preemptions` counts its attempts that were preempted. `lost_seconds` is the time of drawing that would have to be
    repeated, and `left_seconds` how long it still uses the device; infinite if nobody knows.
    """

    priority: Priority
    stage: Stage | None
    preemptions: int
    lost_seconds: float = 0.0
    left_seconds: float = inf

    def may_be_preempted(self, most_preemptions: int) -> bool:
        """Return whether it gives its device to a critical job. One that did so often enough goes on to its end."""
        is_early = self.stage is None or self.stage in STAGES
        return self.priority in _RANKS and is_early and self.preemptions < most_preemptions

    @property
    def reluctance(self) -> int:
        """0 to 3: of several jobs the one with the least is preempted.

        It is less for a low job than for a medium one, and for one that loses little and has long to go.
        """
        is_dear = self.left_seconds < DEAR_SECONDS or self.lost_seconds >= DEAR_SECONDS
        return 2 * _RANKS[self.priority] + is_dear
