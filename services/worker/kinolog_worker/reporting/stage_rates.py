"""Seconds that stages take, learned from the jobs of this worker. Pure.

A stage has a fixed cost and a cost per unit of work. Small jobs show the first, large ones the second, so measurements
are grouped by size: a class of sizes holds works that differ by at most a factor of two. An expectation is that of the
size's own class, or follows the line through two classes; with no class near, there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log2

from kinolog.job.values import Stage

LEARNING_RATE = 0.3
"""Weight of the newest measurement against those before."""

EXTRAPOLATION = 8.0
"""A line through two classes holds for works up to this many times the largest measured one."""

SAME_SIZE = 2.0
"""Works that differ by at most this factor are of about the same size."""


@dataclass(frozen=True, slots=True)
class EstimatedPart:
    """One stage of one scene, or of the whole job. `units` is its amount of work, in the stage's own unit."""

    stage: Stage
    scene: int | None
    units: float


@dataclass(slots=True)
class _SizeClass:
    """Mean work and mean seconds of measurements of about the same size; newer ones count more."""

    units: float
    seconds: float

    def add(self, units: float, seconds: float) -> None:
        self.units += LEARNING_RATE * (units - self.units)
        self.seconds += LEARNING_RATE * (seconds - self.seconds)


class StageRates:
    """Expected seconds by model, stage and work. Held in memory only: a worker learns again after a start."""

    def __init__(self) -> None:
        self._classes: dict[tuple[str, Stage], dict[int, _SizeClass]] = {}

    def learn(self, model: str, part: EstimatedPart, seconds: float) -> None:
        """Include the measured time of a part."""
        if part.units <= 0:
            return
        classes = self._classes.setdefault((model, part.stage), {})
        number = _class_number(part.units)
        if number in classes:
            classes[number].add(part.units, seconds)
        else:
            classes[number] = _SizeClass(part.units, seconds)

    def expected(self, model: str, part: EstimatedPart) -> float | None:
        """Return the expected seconds of a part. Return None if no part of about its size was measured."""
        classes = self._classes.get((model, part.stage))
        if not classes or part.units <= 0:
            return None
        own = classes.get(_class_number(part.units))
        if own is not None:
            return own.seconds * part.units / own.units
        measured = sorted(classes.values(), key=lambda one: one.units)
        smaller = [one for one in measured if one.units < part.units]
        larger = [one for one in measured if one.units > part.units]
        if smaller and larger:
            return _on_line(smaller[-1], larger[0], part.units)
        nearest = smaller[-1] if smaller else larger[0]
        if 1 / SAME_SIZE <= part.units / nearest.units <= SAME_SIZE:
            return nearest.seconds * part.units / nearest.units
        if len(measured) > 1 and part.units <= EXTRAPOLATION * measured[-1].units:
            pair = measured[-2:] if smaller else measured[:2]
            return _on_line(pair[0], pair[1], part.units)
        return None


def _class_number(units: float) -> int:
    return floor(log2(units))


def _on_line(small: _SizeClass, large: _SizeClass, units: float) -> float:
    """Return the seconds of a work: a fixed cost and a rate, both at least 0, that both classes agree with."""
    rate = max(0.0, (large.seconds - small.seconds) / (large.units - small.units))
    fixed = max(0.0, small.seconds - rate * small.units)
    return fixed + rate * units
