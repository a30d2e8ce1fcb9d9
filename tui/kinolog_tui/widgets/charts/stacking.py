"""The cells of stacked columns: which buckets share a column, and how high each series is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

Merge: TypeAlias = Literal["sum", "peak"]
"""How buckets that share a column become one: counts are added; of states, the one with the greatest total is taken."""
EIGHTHS = 8


def fit_columns(series: Sequence[Sequence[float]], width: int, merge: Merge) -> list[tuple[float, ...]]:
    """Return the values of all series for each of `width` columns. Few buckets take several columns each."""
    length = len(series[0]) if series else 0
    if not length or width <= 0:
        return []
    buckets = list(zip(*series, strict=True))
    if length <= width:
        each, left = divmod(width, length)
        return [bucket for index, bucket in enumerate(buckets) for _ in range(each + (index < left))]
    edges = [index * length // width for index in range(width + 1)]
    groups = [buckets[start:end] for start, end in pairwise(edges)]
    if merge == "peak":
        return [max(group, key=sum) for group in groups]
    return [tuple(sum(values) for values in zip(*group, strict=True)) for group in groups]


def stack_cells(values: Sequence[float], most: float, height: int) -> list[tuple[int, int]]:
    """Return the cells of a column from the bottom: the index of the series, and how many eighths are filled.

    `most` fills `height` cells. Every series with a value has a cell, whatever its share, if there are enough cells:
    a failure among a thousand completed jobs is seen.
    """
    there = [index for index, value in enumerate(values) if value > 0]
    if not there or most <= 0:
        return []
    eighths = max(1, round(sum(values) / most * height * EIGHTHS))
    eighths = min(height * EIGHTHS, max(eighths, EIGHTHS * (len(there) - 1) + 1))
    cells = -(-eighths // EIGHTHS)
    there = there[-cells:]
    shares = _whole_cells([values[index] for index in there], cells)
    drawn = [index for index, share in zip(there, shares, strict=True) for _ in range(share)]
    last = eighths - (cells - 1) * EIGHTHS
    return [(index, EIGHTHS if row < cells - 1 else last) for row, index in enumerate(drawn)]


def _whole_cells(values: Sequence[float], cells: int) -> list[int]:
    """Share cells in the proportion of the values, at least one each; the largest takes what rounding leaves."""
    total = sum(values)
    shares = [max(1, int(value / total * cells)) for value in values]
    while sum(shares) != cells:
        largest = max(range(len(shares)), key=lambda index: (shares[index] > 1, values[index]))
        shares[largest] += 1 if sum(shares) < cells else -1
    return shares
