"""Figures of a measurement and how they are computed. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Literal

Measure = Callable[[], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Pair:
    """One reading of the floor and one of kinolog, one directly after the other, in the same unit."""

    floor: float
    ours: float

    @property
    def ratio(self) -> float:
        """Kinolog's reading as a share of the floor's."""
        return self.ours / self.floor


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound for a figure: its value, or its ratio to the floor, is to be at least or below it."""

    of: Literal["value", "ratio"]
    sense: Literal["at least", "below"]
    bound: float

    def reached_by(self, reading: float) -> bool:
        """Return whether a value or ratio is within the bound."""
        return reading >= self.bound if self.sense == "at least" else reading < self.bound


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `floor` and `ratio` are None where nothing was measured against."""

    name: str
    unit: str
    value: float
    floor: float | None = None
    ratio: float | None = None
    aim: Aim | None = None

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None where there is none."""
        if self.aim is None:
            return None
        reading = self.value if self.aim.of == "value" else self.ratio
        return reading is not None and self.aim.reached_by(reading)


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one row of the bench. `durability` describes what an acknowledged write survives."""

    row: str
    durability: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def paired(name: str, unit: str, pairs: Sequence[Pair], aim: Aim | None = None) -> Figure:
    """Return the figure of interleaved readings: medians of both sides, and the median of the pairs' ratios."""
    return Figure(
        name,
        unit,
        value=median(pair.ours for pair in pairs),
        floor=median(pair.floor for pair in pairs),
        ratio=median(pair.ratio for pair in pairs),
        aim=aim,
    )


def percentile(readings: Sequence[float], share: float) -> float:
    """Return the smallest reading that at least `share` (0 to 1) of all do not exceed.

    Raises ValueError without readings.
    """
    if not readings:
        raise ValueError("no readings")
    return sorted(readings)[max(0, ceil(share * len(readings)) - 1)]


async def interleaved(pairs: int, floor: Measure, ours: Measure) -> list[Pair]:
    """Measure both sides `pairs` times, alternating which goes first, so that a busy moment affects both alike."""
    taken = []
    for number in range(pairs):
        if number % 2:
            reading = await ours()
            taken.append(Pair(await floor(), reading))
        else:
            reading = await floor()
            taken.append(Pair(reading, await ours()))
    return taken
