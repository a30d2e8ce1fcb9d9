"""Buckets of time and bins of durations, shared by the projector and the queries. Pure.

Histograms of durations exist per hour and day only: durations seldom repeat within a minute, so each would cost a row.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor

BUCKET_SECONDS = (60, 3_600, 86_400)
"""Lengths of the buckets that count events; each divides the next."""

TIMING_SECONDS = BUCKET_SECONDS[1:]
"""Lengths of the buckets that count durations."""

YEAR_SECONDS = 366 * 86_400.0

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class DurationBins:
    """Bins of durations: one below a millisecond, then each wider than the previous one by a fixed share."""

    def __init__(self, widening: int) -> None:
        edges = [1_000]
        while edges[-1] < 30 * 86_400 * 1_000_000:
            edges.append(edges[-1] + max(1, edges[-1] // widening))
        self.edges_us = tuple(edges)
        """Lower bounds of all bins but the first, in microseconds."""

    def of(self, duration_us: int) -> int:
        """Return the bin of a duration."""
        return bisect_right(self.edges_us, duration_us)

    def bounds_us(self, number: int) -> tuple[int, int | None]:
        """Return the lower bound (included) and the upper bound (excluded; None for the last bin) in microseconds."""
        lower = self.edges_us[number - 1] if number > 0 else 0
        return lower, self.edges_us[number] if number < len(self.edges_us) else None


BINS = DurationBins(16)
"""Bins of histograms: each a sixteenth wider than the previous one."""


def micros(seconds: float) -> int:
    """Return whole microseconds, at least 0 and at most a year, so that no duration of a worker stops the projector."""
    if 0.0 <= seconds <= YEAR_SECONDS:
        return round(seconds * 1_000_000)
    return round(YEAR_SECONDS * 1_000_000) if seconds > YEAR_SECONDS else 0


def micros_between(start: datetime, end: datetime) -> int:
    """Return the microseconds from start to end, at least 0."""
    return max(0, (end - start) // MICROSECOND)


def bucket_start(at: datetime, bucket_seconds: int) -> datetime:
    """Return the start of the bucket that contains `at`."""
    elapsed = (at - EPOCH) // timedelta(seconds=1)
    return EPOCH + timedelta(seconds=elapsed - elapsed % bucket_seconds)


@dataclass(frozen=True, slots=True)
class BucketSpan:
    """Buckets of one length from `start` to `end` (excluded)."""

    bucket_seconds: int
    start: datetime
    end: datetime


def bucket_spans(
    start: datetime, end: datetime, lengths: tuple[int, ...] = BUCKET_SECONDS
) -> Iterator[BucketSpan]:
    """Yield the fewest buckets of the given lengths that cover a span, in no particular order.

    The start of the span is rounded down and its end rounded up to whole buckets of the shortest length.
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


@dataclass(frozen=True, slots=True)
class CountedDurations:
    """Durations in one bin of a histogram, in microseconds."""

    count: int
    least_us: int
    greatest_us: int

    def ordered(self, index: int) -> float:
        """Return the duration with this index, from 0: evenly spread, the least and the greatest are exact."""
        if self.count == 1:
            return self.least_us
        return self.least_us + (self.greatest_us - self.least_us) * index / (self.count - 1)


def percentile_seconds(histogram: Mapping[int, CountedDurations], share: float) -> float | None:
    """Return the duration that `share` of the durations do not exceed, between two of them; None without durations.

    Never less than the least duration nor more than the greatest. Accurate to the width of a bin (a sixteenth).
    """
    total = sum(durations.count for durations in histogram.values())
    if total == 0:
        return None
    place = share * (total - 1)
    below, above = (_ordered(histogram, index) for index in (floor(place), ceil(place)))
    return (below + (above - below) * (place - floor(place))) / 1_000_000


def _ordered(histogram: Mapping[int, CountedDurations], index: int) -> float:
    """Return the duration with this index of all, from 0 for the least."""
    for number in sorted(histogram):
        durations = histogram[number]
        if index < durations.count:
            return durations.ordered(index)
        index -= durations.count
    raise IndexError("a histogram has no duration with this index")
