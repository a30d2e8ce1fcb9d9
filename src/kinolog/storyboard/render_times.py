"""How long a video will take to render, from past jobs of its model. Pure.

A render has a fixed cost, a cost per pixel, per step, and per pixel and step. Past jobs of different sizes tell them
apart; those of one size do not, so they tell nothing about another size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from statistics import median
from typing import NamedTuple, Protocol

SAME_SIZE = 2.0
"""Values that differ by at most this factor are about the same."""

SPREAD = 4.0
"""Jobs whose work differs by this factor tell the fixed cost from the rate."""

MORE_FRAMES = 16.0
"""With a known fixed cost, a video may have this many times the frames of a past one."""

SWEEPS = 200
"""Passes over the costs in which they are fitted; the remaining error is far below that of the past times."""


class PastRender(Protocol):
    """A past job: its size, and how long its attempts ran together, in seconds. None if none ran."""

    @property
    def width(self) -> int:
        """Width of a drawn frame in pixels."""

    @property
    def height(self) -> int:
        """Height of a drawn frame in pixels."""

    @property
    def frames(self) -> int:
        """Number of frames."""

    @property
    def steps(self) -> int:
        """Denoising steps."""

    @property
    def run_seconds(self) -> float | None:
        """Seconds of all attempts together."""


class RenderSize(NamedTuple):
    """The size of a video: pixels of a frame, frames and steps, all at least 1."""

    pixels: int
    frames: int
    steps: int

    @property
    def work(self) -> int:
        """Pixels of all frames and steps."""
        return self.pixels * self.frames * self.steps

    @property
    def parts(self) -> tuple[float, ...]:
        """The amounts that the costs are per: once, frames of pixels, frames of steps, frames of both."""
        return 1.0, self.pixels * self.frames, self.frames * self.steps, self.work


@dataclass(frozen=True, slots=True)
class RenderEstimate:
    """Estimated seconds, from a number of past jobs."""

    seconds: float
    jobs: int


class RenderTimes:
    """Times of past jobs of one model, by size."""

    def __init__(self, jobs: Iterable[PastRender] = ()) -> None:
        times: dict[RenderSize, list[float]] = {}
        for job in jobs:
            seconds, size = job.run_seconds, RenderSize(job.width * job.height, job.frames, job.steps)
            if seconds is not None and seconds > 0 and size.work > 0:
                times.setdefault(size, []).append(seconds)
        self.jobs = sum(map(len, times.values()))
        """Number of jobs with a size and a time."""
        self._times = {size: median(seconds) for size, seconds in times.items()}
        self._costs = _fitted_costs(self._times)
        works = [size.work for size in self._times]
        self._knows_fixed_cost = bool(works) and max(works) >= SPREAD * min(works)

    def estimate(self, size: RenderSize) -> RenderEstimate | None:
        """Return the estimate for a size; None without a past job of about that size."""
        near = [past for past in self._times if self._is_near(past, size)]
        if not near:
            return None
        nearest = min(near, key=lambda past: sum(abs(log2(a / b)) for a, b in zip(past, size, strict=True)))
        ratio = self._fitted(size) / self._fitted(nearest)
        return RenderEstimate(self._times[nearest] * ratio, self.jobs)

    def _is_near(self, past: RenderSize, size: RenderSize) -> bool:
        more_frames = MORE_FRAMES if self._knows_fixed_cost else SAME_SIZE
        return (
            1 / SAME_SIZE <= size.pixels / past.pixels <= SAME_SIZE
            and 1 / SAME_SIZE <= size.steps / past.steps <= SAME_SIZE
            and 1 / more_frames <= size.frames / past.frames <= more_frames
        )

    def _fitted(self, size: RenderSize) -> float:
        return sum(cost * amount for cost, amount in zip(self._costs, size.parts, strict=True))


def _fitted_costs(times: dict[RenderSize, float]) -> Sequence[float]:
    """Return the costs, none below 0, with the least squares of relative errors."""
    rows = [[amount / seconds for amount in size.parts] for size, seconds in times.items()]
    costs = [0.0] * 4
    errors = [1.0] * len(rows)
    squares = [sum(row[index] ** 2 for row in rows) for index in range(4)]
    for _ in range(SWEEPS if rows else 0):
        for index in range(4):
            slope = sum(row[index] * error for row, error in zip(rows, errors, strict=True))
            change = max(-costs[index], slope / squares[index])
            costs[index] += change
            errors = [error - row[index] * change for row, error in zip(rows, errors, strict=True)]
    return costs
