"""Buckets cover spans exactly, and histograms give percentiles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinolog.readmodel.time_buckets import (
    BINS,
    BUCKET_SECONDS,
    TIMING_SECONDS,
    CountedDurations,
    bucket_spans,
    bucket_start,
    micros,
    percentile_seconds,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
times = st.integers(0, 400 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))


@given(times, times)
@pytest.mark.parametrize("lengths", [BUCKET_SECONDS, TIMING_SECONDS])
def test_bucket_spans_cover_a_span_once(lengths: tuple[int, ...], one: datetime, other: datetime) -> None:
    """Every moment of the span is in exactly one bucket span, and few are needed."""
    start, end = min(one, other), max(one, other)
    found = sorted(bucket_spans(start, end, lengths), key=lambda part: part.start)
    assert len(found) <= 2 * len(lengths) - 1
    for part in found:
        assert bucket_start(part.start, part.bucket_seconds) == part.start
        assert bucket_start(part.end, part.bucket_seconds) == part.end
    for before, after in pairwise(found):
        assert before.end == after.start
    if start < end:
        assert found[0].start <= start < found[0].start + timedelta(seconds=lengths[0])
        assert found[-1].end - timedelta(seconds=lengths[0]) < end <= found[-1].end


@given(st.integers(0, 10**13))
def test_a_duration_is_in_its_bin(duration_us: int) -> None:
    """The bounds of a bin contain its durations, and are close together."""
    lower, upper = BINS.bounds_us(BINS.of(duration_us))
    assert lower <= duration_us
    if upper is not None:
        assert duration_us < upper
        assert upper - lower <= max(1_000, lower / 16)


def histogram_of(durations_us: list[int]) -> dict[int, CountedDurations]:
    """Return the histogram of durations."""
    bins: dict[int, list[int]] = {}
    for duration in durations_us:
        bins.setdefault(BINS.of(duration), []).append(duration)
    return {number: CountedDurations(len(all_), min(all_), max(all_)) for number, all_ in bins.items()}


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=50), st.floats(0.0, 1.0))
def test_percentiles_are_never_outside_the_durations(durations_us: list[int], share: float) -> None:
    """No percentile is less than the least duration or more than the greatest; the ends are exact."""
    histogram = histogram_of(durations_us)
    found = percentile_seconds(histogram, share)
    assert found is not None
    assert min(durations_us) / 1e6 <= found <= max(durations_us) / 1e6
    assert percentile_seconds(histogram, 0.0) == min(durations_us) / 1e6
    assert percentile_seconds(histogram, 1.0) == max(durations_us) / 1e6


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=2), st.floats(0.0, 1.0))
def test_percentiles_of_one_or_two_durations_are_exact(durations_us: list[int], share: float) -> None:
    """The percentile lies on the line between the two."""
    least, greatest = min(durations_us) / 1e6, max(durations_us) / 1e6
    assert percentile_seconds(histogram_of(durations_us), share) == pytest.approx(
        least + share * (greatest - least)
    )


@given(st.lists(st.integers(2_000, 10**10), min_size=20, max_size=200))
def test_percentiles_are_right_to_the_width_of_a_bin(durations_us: list[int]) -> None:
    """Median and 95th percentile are within a bin of a duration at that rank."""
    counts = histogram_of(durations_us)
    cuts = quantiles(durations_us, n=20, method="inclusive")
    ordered = sorted(durations_us)
    for share, exact in ((0.5, cuts[9]), (0.95, cuts[18])):
        found = percentile_seconds(counts, share)
        assert found is not None
        rank = share * (len(ordered) - 1)
        near = {exact, *ordered[max(0, int(rank) - 1) : int(rank) + 3]}
        assert min(near) * (1 - 1 / 15) <= found * 1_000_000 <= max(near) * (1 + 1 / 15)


def test_no_durations_have_no_percentile() -> None:
    """An empty histogram has no median."""
    assert percentile_seconds({}, 0.5) is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1.5, 1_500_000),
        (-3.0, 0),
        (float("nan"), 0),
        (float("inf"), 366 * 86_400 * 10**6),
        (1e300, 366 * 86_400 * 10**6),
    ],
)
def test_impossible_durations_are_limited(seconds: float, expected: int) -> None:
    """Negative, infinite and undefined durations become ones that can be added up."""
    assert micros(seconds) == expected
