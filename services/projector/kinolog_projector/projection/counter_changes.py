"""What a batch adds to counters, rollups and timings. Sums of integers, so that batches may be cut anywhere."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import lru_cache

from kinolog.ports.read_model import SortField
from kinolog.readmodel.counter_cells import ALL, EVERY_URGENCY, LEVELS, SortKeys, cells_of, coarser
from kinolog.readmodel.time_buckets import BINS, BUCKET_SECONDS, TIMING_SECONDS

ROLLUP_FIELDS = (
    "submitted",
    "completed",
    "failed",
    "cancelled",
    "queued_change",
    "processing_change",
    "video_us",
    "gpu_us",
)
_PLACE = {name: place for place, name in enumerate(ROLLUP_FIELDS)}

Kind = tuple[str, int, str, str]
"""Status, urgency, model and style of a job."""


class CounterChanges:
    """Collects changes; `rows()` of each table come out once, coarser levels included."""

    def __init__(self) -> None:
        self._cells: defaultdict[tuple[str, SortField, int, int, Kind], int] = defaultdict(int)
        self._rollups: defaultdict[tuple[str, int, int], list[int]] = defaultdict(
            lambda: [0] * len(ROLLUP_FIELDS)
        )
        self._timings: defaultdict[tuple[str, str, int, int], list[int]] = defaultdict(lambda: [0, 0])

    def move(
        self,
        tenant: str,
        before: tuple[SortKeys, Kind] | None,
        after: tuple[SortKeys, Kind],
    ) -> None:
        """A job moved from one place in the orders to another; None when it is new."""
        if before == after:
            return
        old = cells_of(before[0]) if before is not None else None
        for field, (major, cell) in cells_of(after[0]).items():
            if before is not None and old is not None:
                if old[field] == (major, cell) and before[1] == after[1]:
                    continue
                self._cells[tenant, field, *old[field], before[1]] -= 1
            self._cells[tenant, field, major, cell, after[1]] += 1

    def add(self, tenant: str, at: datetime, urgency: int, **amounts: int) -> None:
        """Something happened at a time: amounts by rollup field."""
        row = self._rollups[tenant, _bucket(at, BUCKET_SECONDS[0]), urgency]
        for name, amount in amounts.items():
            row[_PLACE[name]] += amount

    def took(self, tenant: str, measure: str, at: datetime, duration_us: int) -> None:
        """Something that ended at a time took so long."""
        row = self._timings[tenant, measure, _bucket(at, TIMING_SECONDS[0]), BINS.of(duration_us)]
        row[0] += 1
        row[1] += duration_us

    def counter_rows(self) -> list[tuple[object, ...]]:
        """Rows of `counters`, in the order of their key."""
        totals: defaultdict[tuple[object, ...], int] = defaultdict(int)
        for (tenant, field, major, cell, kind), jobs in self._cells.items():
            if not jobs:
                continue
            status, urgency, model, style = kind
            places = [(level, major, coarser(cell, level)) for level in range(LEVELS)]
            if field is SortField.CREATED_AT:
                places.append((ALL, 0, 0))
            for level, *where in places:
                totals[tenant, field.value, level, urgency, *where, status, model, style] += jobs
                totals[tenant, field.value, level, EVERY_URGENCY, *where, status, "", ""] += jobs
        return sorted((*key, jobs) for key, jobs in totals.items() if jobs)

    def rollup_rows(self) -> list[tuple[object, ...]]:
        """Rows of `rollups`, in the order of their key."""
        totals: dict[tuple[object, ...], list[int]] = {}
        for (tenant, minute, urgency), amounts in self._rollups.items():
            for seconds in BUCKET_SECONDS:
                key = (tenant, seconds, _time(minute - minute % seconds), urgency)
                row = totals.get(key)
                totals[key] = amounts if row is None else [a + b for a, b in zip(row, amounts, strict=True)]
        return sorted((*key, *row) for key, row in totals.items())

    def timing_rows(self) -> list[tuple[object, ...]]:
        """Rows of `timings`, in the order of their key."""
        totals: dict[tuple[object, ...], tuple[int, int]] = {}
        for (tenant, measure, hour, number), (count, total) in self._timings.items():
            for seconds in TIMING_SECONDS:
                key = (tenant, seconds, measure, _time(hour - hour % seconds), number)
                before = totals.get(key, (0, 0))
                totals[key] = (before[0] + count, before[1] + total)
        return sorted((*key, *row) for key, row in totals.items())


def _bucket(at: datetime, seconds: int) -> int:
    """Start of the bucket that `at` lies in, in seconds since 1970."""
    elapsed = int(at.timestamp())
    return elapsed - elapsed % seconds


@lru_cache(maxsize=4_096)
def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
