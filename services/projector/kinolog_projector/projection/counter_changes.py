"""Changes of counters, rollups, depths and timings by a batch, in integers: batches may be split anywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import NamedTuple, TypeVar

from kinolog.ports.read_model import SortField
from kinolog.readmodel.counter_cells import ALL, LEVELS, Cell, JobKind, SortKeys, coarser, finest_cells
from kinolog.readmodel.priority_order import ALL_PRIORITIES
from kinolog.readmodel.tables import ROLLUP_SUMS, Row
from kinolog.readmodel.time_buckets import BINS, BUCKET_SECONDS, TIMING_SECONDS


class CountedJob(NamedTuple):
    """What counters count a job by."""

    keys: SortKeys
    kind: JobKind


class CounterKey(NamedTuple):
    """The key of `counters`."""

    tenant: str
    sort: str
    level: int
    urgency: int
    major: int
    cell: int
    status: str
    model: str
    style: str


class RollupKey(NamedTuple):
    """The key of `rollups`."""

    tenant: str
    bucket_seconds: int
    at: datetime
    urgency: int


class TimingKey(NamedTuple):
    """The key of `timings`."""

    tenant: str
    bucket_seconds: int
    measure: str
    at: datetime
    bin: int


@dataclass(slots=True)
class DurationSum:
    """Number, sum, least and greatest of durations: the other columns of `timings`."""

    count: int = 0
    total_us: int = 0
    least_us: int = 1 << 62
    greatest_us: int = 0

    def add(self, count: int, total_us: int, least_us: int, greatest_us: int) -> None:
        """Add durations."""
        self.count += count
        self.total_us += total_us
        self.least_us = min(self.least_us, least_us)
        self.greatest_us = max(self.greatest_us, greatest_us)


class DepthKey(NamedTuple):
    """The key of `depths`."""

    tenant: str
    bucket_seconds: int
    at: datetime


@dataclass(slots=True)
class DepthSum:
    """The other columns of `depths`: changes, and the highest sums of changes since the start of the bucket."""

    queued_change: int = 0
    processing_change: int = 0
    peak_queued: int = 0
    peak_processing: int = 0
    busiest_total: int = 0
    busiest_queued: int = 0

    def add(self, queued: int, processing: int) -> None:
        """Add the next change."""
        self.queued_change += queued
        self.processing_change += processing
        self.peak_queued = max(self.peak_queued, self.queued_change)
        self.peak_processing = max(self.peak_processing, self.processing_change)
        self.busiest_total, self.busiest_queued = max(
            (self.busiest_total, self.busiest_queued),
            (self.queued_change + self.processing_change, self.queued_change),
        )


class CounterChanges:
    """Collects the changes of a batch; the `*_rows` methods return them for all levels and bucket lengths."""

    def __init__(self) -> None:
        self._jobs: defaultdict[tuple[str, SortField, Cell, JobKind], int] = defaultdict(int)
        self._sums: defaultdict[tuple[str, int, int], dict[str, int]] = defaultdict(_no_sums)
        self._durations: defaultdict[tuple[str, str, int, int], DurationSum] = defaultdict(DurationSum)
        self._depths: list[tuple[int, str, datetime, int, int]] = []

    def move(self, tenant: str, before: CountedJob | None, after: CountedJob) -> None:
        """Count a job in other cells than before; `before` is None for a new job."""
        if before == after:
            return
        old_cells = finest_cells(before.keys) if before is not None else {}
        for field, cell in finest_cells(after.keys).items():
            if before is not None:
                old_cell = old_cells[field]
                if old_cell == cell and before.kind == after.kind:
                    continue
                self._jobs[tenant, field, old_cell, before.kind] -= 1
            self._jobs[tenant, field, cell, after.kind] += 1

    def add_to_rollup(self, tenant: str, at: datetime, order: int, amounts: Mapping[str, int]) -> None:
        """Add amounts, keyed by column of `rollups`, at a time and for the number of a priority."""
        sums = self._sums[tenant, _bucket(at, BUCKET_SECONDS[0]), order]
        for column, amount in amounts.items():
            sums[column] += amount

    def add_to_depth(self, position: int, tenant: str, at: datetime, *, queued: int, processing: int) -> None:
        """Add to the numbers of queued and running jobs, at the position of a commit and the time of its event."""
        if queued or processing:
            self._depths.append((position, tenant, at, queued, processing))

    def add_duration(self, tenant: str, measure: str, at: datetime, duration_us: int) -> None:
        """Add a duration that ended at a time."""
        durations = self._durations[tenant, measure, _bucket(at, TIMING_SECONDS[0]), BINS.of(duration_us)]
        durations.add(1, duration_us, duration_us, duration_us)

    def counter_rows(self) -> list[Row]:
        """Return rows of `counters`, ordered by key."""
        totals: defaultdict[CounterKey, int] = defaultdict(int)
        for (tenant, field, cell, kind), jobs in self._jobs.items():
            if not jobs:
                continue
            levels = [(level, cell.major, coarser(cell.number, level)) for level in range(LEVELS)]
            if field is SortField.CREATED_AT:
                levels.append((ALL, 0, 0))
            for level, major, number in levels:
                key = CounterKey(
                    tenant=tenant,
                    sort=field.value,
                    level=level,
                    urgency=kind.priority_order,
                    major=major,
                    cell=number,
                    status=kind.status,
                    model=kind.model,
                    style=kind.style,
                )
                totals[key] += jobs
                totals[key._replace(urgency=ALL_PRIORITIES, model="", style="")] += jobs
        return [{**key._asdict(), "jobs": totals[key]} for key in sorted(totals) if totals[key]]

    def rollup_rows(self) -> list[Row]:
        """Return rows of `rollups`, ordered by key."""
        totals: defaultdict[RollupKey, dict[str, int]] = defaultdict(_no_sums)
        for (tenant, minute, order), amounts in self._sums.items():
            for seconds in BUCKET_SECONDS:
                at = _time(minute - minute % seconds)
                sums = totals[RollupKey(tenant=tenant, bucket_seconds=seconds, at=at, urgency=order)]
                for column, amount in amounts.items():
                    sums[column] += amount
        return [{**key._asdict(), **totals[key]} for key in sorted(totals)]

    def depth_rows(self) -> list[Row]:
        """Return rows of `depths`, ordered by key.

        Changes follow each other in the order of the log: so the peaks are the same however batches are split.
        """
        sums: dict[DepthKey, DepthSum] = {}
        for _, tenant, at, queued, processing in sorted(self._depths, key=itemgetter(0)):
            for seconds in BUCKET_SECONDS:
                key = DepthKey(tenant=tenant, bucket_seconds=seconds, at=_time(_bucket(at, seconds)))
                sums.setdefault(key, DepthSum()).add(queued, processing)
        return [{**key._asdict(), **_sums_in(sums[key])} for key in sorted(sums)]

    def timing_rows(self) -> list[Row]:
        """Return rows of `timings`, ordered by key."""
        totals: defaultdict[TimingKey, DurationSum] = defaultdict(DurationSum)
        for (tenant, measure, hour, number), durations in self._durations.items():
            for seconds in TIMING_SECONDS:
                at = _time(hour - hour % seconds)
                key = TimingKey(tenant=tenant, bucket_seconds=seconds, measure=measure, at=at, bin=number)
                totals[key].add(
                    durations.count, durations.total_us, durations.least_us, durations.greatest_us
                )
        return [{**key._asdict(), **_durations_in(totals[key])} for key in sorted(totals)]


Sums = TypeVar("Sums", DepthSum, DurationSum)


def _columns_of(kind: type[Sums]) -> Callable[[Sums], dict[str, int]]:
    """Return what reads the columns of sums. `dataclasses.asdict` copies each number, which takes ten times as long."""
    names = tuple(field.name for field in fields(kind))
    values = attrgetter(*names)
    return lambda sums: dict(zip(names, values(sums), strict=True))


_sums_in, _durations_in = _columns_of(DepthSum), _columns_of(DurationSum)

_no_sums = dict.fromkeys(ROLLUP_SUMS, 0).copy


def _bucket(at: datetime, seconds: int) -> int:
    """Return the start of the bucket that contains `at`, in seconds since 1970."""
    elapsed = int(at.timestamp())
    return elapsed - elapsed % seconds


@lru_cache(maxsize=4_096)
def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
