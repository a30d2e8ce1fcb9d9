"""Buckets of time and bins of durations, the same for who fills rollups and who reads them. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BUCKET_SECONDS = (60, 3_600, 86_400)
"""Lengths of the buckets that are kept, each dividing the next."""

YEAR_SECONDS = 366 * 86_400.0

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def _edges() -> tuple[int, ...]:
    """Lower edges of bins in microseconds: 1 ms, then 2 percent wider each, up to some 30 days."""
    edges = [1_000]
    while edges[-1] < 30 * 86_400 * 1_000_000:
        edges.append(edges[-1] + max(1, edges[-1] // 50))
    return tuple(edges)


EDGES_US = _edges()


def bin_of(duration_us: int) -> int:
    """The bin of a duration: 0 below one millisecond, then one per 2 percent."""
    return bisect_right(EDGES_US, duration_us)


def bin_bounds_us(number: int) -> tuple[int, int | None]:
    """Lower bound (included) and upper bound (excluded; None for the last bin) in microseconds."""
    lower = EDGES_US[number - 1] if number > 0 else 0
    return lower, EDGES_US[number] if number < len(EDGES_US) else None


def micros(seconds: float) -> int:
    """Whole microseconds, at least 0 and at most a year: a worker's odd figure must not stop the projector."""
    return round(min(max(0.0, seconds), YEAR_SECONDS) * 1_000_000) if seconds == seconds else 0


def micros_between(start: datetime, end: datetime) -> int:
    """Microseconds from start to end, none below zero."""
    return max(0, (end - start) // MICROSECOND)


def bucket_start(at: datetime, bucket_seconds: int) -> datetime:
    """Start of the bucket that `at` lies in."""
    elapsed = (at - EPOCH) // timedelta(seconds=1)
    return EPOCH + timedelta(seconds=elapsed - elapsed % bucket_seconds)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Buckets of one length from `start` to `end` (excluded)."""

    bucket_seconds: int
    start: datetime
    end: datetime


def stretches(start: datetime, end: datetime) -> Iterator[Stretch]:
    """The fewest kept buckets that cover a span exactly, in no order; both ends are cut down to minutes."""
    start, end = bucket_start(start, BUCKET_SECONDS[0]), bucket_start(end, BUCKET_SECONDS[0])
    yield from _cover(start, end, len(BUCKET_SECONDS) - 1)


def _cover(start: datetime, end: datetime, level: int) -> Iterator[Stretch]:
    if start >= end:
        return
    seconds = BUCKET_SECONDS[level]
    if level == 0:
        yield Stretch(seconds, start, end)
        return
    first = bucket_start(start + timedelta(seconds=seconds) - MICROSECOND, seconds)
    last = bucket_start(end, seconds)
    if first >= last:
        yield from _cover(start, end, level - 1)
        return
    yield Stretch(seconds, first, last)
    yield from _cover(start, first, level - 1)
    yield from _cover(last, end, level - 1)


def percentile_seconds(counts: Mapping[int, int], share: float) -> float | None:
    """The duration below which `share` of the counted ones lie, to 2 percent; None when there are none."""
    total = sum(counts.values())
    if total == 0:
        return None
    wanted = share * total
    seen = 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= wanted:
            break
    lower, upper = bin_bounds_us(number)
    return (lower + (upper or lower)) / 2 / 1_000_000
