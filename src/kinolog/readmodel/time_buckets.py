"""Buckets of time and bins of durations, the same for who fills rollups and who reads them. Pure.

Histograms of durations are kept per hour and day only: a minute seldom sees a duration twice, and would cost a row
for each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BUCKET_SECONDS = (60, 3_600, 86_400)
"""Lengths of the buckets in which events are counted, each dividing the next."""

TIMING_SECONDS = BUCKET_SECONDS[1:]
"""Lengths of the buckets in which durations are counted."""

YEAR_SECONDS = 366 * 86_400.0

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class DurationBins:
    """Bins of durations: one below a millisecond, then each wider than the one before by a fixed share."""

    def __init__(self, widening: int) -> None:
        edges = [1_000]
        while edges[-1] < 30 * 86_400 * 1_000_000:
            edges.append(edges[-1] + max(1, edges[-1] // widening))
        self.edges_us = tuple(edges)
        """Where each bin but the first begins."""

    def of(self, duration_us: int) -> int:
        """The bin of a duration."""
        return bisect_right(self.edges_us, duration_us)

    def bounds_us(self, number: int) -> tuple[int, int | None]:
        """Lower bound (included) and upper bound (excluded; None for the last bin) in microseconds."""
        lower = self.edges_us[number - 1] if number > 0 else 0
        return lower, self.edges_us[number] if number < len(self.edges_us) else None


BINS = DurationBins(16)
"""For histograms: each a sixteenth wider than the one before."""


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
class BucketSpan:
    """Buckets of one length from `start` to `end` (excluded)."""

    bucket_seconds: int
    start: datetime
    end: datetime


def stretches(
    start: datetime, end: datetime, lengths: tuple[int, ...] = BUCKET_SECONDS
) -> Iterator[BucketSpan]:
    """The fewest buckets of the given lengths that cover a span, in no order.

    The span begins and ends with whole buckets of the shortest length: its start is cut down, its end rounded up.
    """
    shortest = lengths[0]
    start = bucket_start(start, shortest)
    end = bucket_start(end + timedelta(seconds=shortest) - MICROSECOND, shortest)
    yield from _cover(start, end, lengths)


def _cover(start: datetime, end: datetime, lengths: tuple[int, ...]) -> Iterator[BucketSpan]:
    if start >= end:
        return
    *shorter, seconds = lengths
    if not shorter:
        yield BucketSpan(seconds, start, end)
        return
    first = bucket_start(start + timedelta(seconds=seconds) - MICROSECOND, seconds)
    last = bucket_start(end, seconds)
    if first >= last:
        yield from _cover(start, end, tuple(shorter))
        return
    yield BucketSpan(seconds, first, last)
    yield from _cover(start, first, tuple(shorter))
    yield from _cover(last, end, tuple(shorter))


def percentile_seconds(counts: Mapping[int, int], share: float) -> float | None:
    """The duration below which `share` of the counted ones lie; None when there are none.

    Right to the width of a bin (a sixteenth); within it durations are taken to lie evenly.
    """
    total = sum(counts.values())
    if total == 0:
        return None
    wanted, seen, number = share * total, 0, 0
    for number in sorted(counts):
        if seen + counts[number] >= wanted:
            break
        seen += counts[number]
    lower, upper = BINS.bounds_us(number)
    width = (upper or lower) - lower
    return (lower + width * (wanted - seen) / counts[number]) / 1_000_000
