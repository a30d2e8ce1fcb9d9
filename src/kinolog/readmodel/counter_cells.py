"""Cells: how deep pages of a list are found without walking to them. Pure.

Every order of the list cuts its jobs into cells that lie one behind the other, and the cells into coarser ones, 64
to one. `counters` holds how many jobs of each kind lie in each cell of each level. So the job at any place of the
list is found by adding up some hundred counters, and walking one cell.

A cell is (major, cell): `major` tells apart what is cut in different ways, such as jobs that have a duration from those
that have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from kinolog.ports.read_model import SortField
from kinolog.readmodel.time_buckets import DurationBins

LEVELS = 2
"""Levels of cells, 0 the finest. One level above stands for all of a tenant's jobs (`created_at` only).

A year is 121 coarse cells of time, and a million positions of the log are one coarse cell of numbers.
"""

ALL = LEVELS
EVERY_URGENCY = -1
"""Stands where counters do not tell urgencies, models and styles apart, as most lists do not either."""

LEVEL_BITS = 6
NUMBER_BITS = 14
"""A finest cell of equal values holds the jobs whose first commits lie in 16,384 positions of the log."""
SECOND_BITS = 12
"""A finest cell of times is 4,096 seconds long."""

DURATIONS = DurationBins(1_024)
"""A thousandth of a duration: many jobs take about as long as each other."""


@dataclass(frozen=True, slots=True)
class SortKeys:
    """What the orders of the list look at."""

    number: int
    created_at: datetime
    updated_at: datetime
    percent: float
    duration_us: int
    urgency: int


def cells_of(keys: SortKeys) -> dict[SortField, tuple[int, int]]:
    """The finest cell (major, cell) of a job in each order."""
    tie = keys.number >> NUMBER_BITS
    return {
        SortField.CREATED_AT: (0, int(keys.created_at.timestamp()) >> SECOND_BITS),
        SortField.UPDATED_AT: (0, int(keys.updated_at.timestamp()) >> SECOND_BITS),
        SortField.PROGRESS: percent_cell(keys.percent, tie),
        SortField.DURATION: (0, tie) if keys.duration_us < 0 else (1, DURATIONS.of(keys.duration_us)),
        SortField.PRIORITY: (keys.urgency, tie),
    }


def percent_cell(percent: float, tie: int) -> tuple[int, int]:
    """Nothing done and all done are shared by many jobs, so those two are cut by number, and others by percent."""
    if percent <= 0:
        return 0, tie
    return (2, tie) if percent >= 100 else (1, int(percent))


def coarser(cell: int, level: int) -> int:
    """The cell of `level` that holds a finest cell."""
    return cell >> (LEVEL_BITS * level)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a finest cell lies in its order: from `lower` (included) to `upper` (excluded).

    Each is the value that is ordered by and the job's number; None has no bound.
    """

    lower: tuple[object, int] | None
    upper: tuple[object, int] | None


def bounds_of(field: SortField, major: int, cell: int) -> Bounds:
    """The bounds of a finest cell."""
    ties = (cell << NUMBER_BITS, (cell + 1) << NUMBER_BITS)
    match field:
        case SortField.CREATED_AT | SortField.UPDATED_AT:
            return Bounds((_time(cell), 0), (_time(cell + 1), 0))
        case SortField.PRIORITY:
            return Bounds((major, ties[0]), (major, ties[1]))
        case SortField.PROGRESS if major != 1:
            value = 0.0 if major == 0 else 100.0
            return Bounds((value, ties[0]), (value, ties[1]))
        case SortField.PROGRESS:
            # A percentage just above 0 lies behind every job at 0, whatever its number.
            lower = (0.0, 1 << 62) if cell == 0 else (float(cell), 0)
            return Bounds(lower, (float(cell + 1), 0))
        case SortField.DURATION if major == 0:
            return Bounds((-1, ties[0]), (-1, ties[1]))
        case SortField.DURATION:
            low, high = DURATIONS.bounds_us(cell)
            return Bounds((low, 0), None if high is None else (high, 0))


def _time(cell: int) -> datetime:
    return datetime.fromtimestamp(cell << SECOND_BITS, UTC)
