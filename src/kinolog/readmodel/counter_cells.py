"""Cells, by which a page deep in a list is found without a scan of the jobs before it. Pure. See decision 31.

Each order of the list divides its jobs into consecutive cells, and 64 cells make a coarser one. `counters` holds the
number of jobs of each kind in each cell of each level. The job at any offset of the list is found by adding up some
hundred counters and scanning one cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from kinolog.ports.read_model import SortField
from kinolog.readmodel.time_buckets import DurationBins

LEVELS = 2
"""Levels of cells; 0 is the finest. One more level counts all jobs of a tenant (`created_at` only).

A year is 121 coarse cells of time, and a million positions of the log are one coarse cell of numbers.
"""

ALL = LEVELS
"""The level that counts all jobs of a tenant."""

LEVEL_BITS = 6
NUMBER_BITS = 14
"""A finest cell of equal values holds the jobs whose first commits are in a range of 16,384 positions of the log."""
SECOND_BITS = 12
"""A finest cell of times is 4,096 seconds long."""

DURATIONS = DurationBins(1_024)
"""A thousandth of a duration: many jobs take about the same time."""


class Cell(NamedTuple):
    """A cell of one order.

    `major` separates jobs that are divided in different ways, such as those with a duration from those without.
    """

    major: int
    number: int


class JobKind(NamedTuple):
    """The properties that counters count jobs by, besides tenant and cell."""

    status: str
    priority_order: int
    model: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKeys:
    """The values that the orders of the list compare. `number` breaks ties."""

    number: int
    created_at: datetime
    updated_at: datetime
    percent: float
    duration_us: int
    priority_order: int


def finest_cells(keys: SortKeys) -> dict[SortField, Cell]:
    """Return the finest cell of a job in each order."""
    tie = keys.number >> NUMBER_BITS
    return {
        SortField.CREATED_AT: Cell(0, int(keys.created_at.timestamp()) >> SECOND_BITS),
        SortField.UPDATED_AT: Cell(0, int(keys.updated_at.timestamp()) >> SECOND_BITS),
        SortField.PROGRESS: _percent_cell(keys.percent, tie),
        SortField.DURATION: Cell(0, tie) if keys.duration_us < 0 else Cell(1, DURATIONS.of(keys.duration_us)),
        SortField.PRIORITY: Cell(keys.priority_order, tie),
    }


def _percent_cell(percent: float, tie: int) -> Cell:
    """Divide jobs at 0 and at 100 percent, of which there are many, by number, and the others by percent."""
    if percent <= 0:
        return Cell(0, tie)
    return Cell(2, tie) if percent >= 100 else Cell(1, int(percent))


def coarser(cell: int, level: int) -> int:
    """Return the number of the cell of `level` that contains a finest cell."""
    return cell >> (LEVEL_BITS * level)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a finest cell in its order, from `lower` (included) to `upper` (excluded).

    Each is the value that the list is ordered by and the job's number; None is no bound.
    """

    lower: tuple[object, int] | None
    upper: tuple[object, int] | None


def bounds_of(field: SortField, cell: Cell) -> Bounds:
    """Return the bounds of a finest cell."""
    major, number = cell
    ties = (number << NUMBER_BITS, (number + 1) << NUMBER_BITS)
    match field:
        case SortField.CREATED_AT | SortField.UPDATED_AT:
            return Bounds((_time(number), 0), (_time(number + 1), 0))
        case SortField.PRIORITY:
            return Bounds((major, ties[0]), (major, ties[1]))
        case SortField.PROGRESS if major != 1:
            value = 0.0 if major == 0 else 100.0
            return Bounds((value, ties[0]), (value, ties[1]))
        case SortField.PROGRESS:
            # A percentage just above 0 comes after every job at 0, whatever its number.
            lower = (0.0, 1 << 62) if number == 0 else (float(number), 0)
            return Bounds(lower, (float(number + 1), 0))
        case SortField.DURATION if major == 0:
            return Bounds((-1, ties[0]), (-1, ties[1]))
        case SortField.DURATION:
            low, high = DURATIONS.bounds_us(number)
            return Bounds((low, 0), None if high is None else (high, 0))


def _time(cell: int) -> datetime:
    return datetime.fromtimestamp(cell << SECOND_BITS, UTC)
