"""Observed values in the text format of Prometheus."""

from __future__ import annotations

import pytest

from kinolog.process.metrics.histogram import Histogram
from kinolog.process.probe import metrics_text
from tests.fixtures.metric_table import MetricFamily, served


def test_ranges_are_cumulative_and_belong_to_their_labels() -> None:
    """A value counts in the range whose end it does not exceed and in all above, of its labels alone."""
    histogram = Histogram("kinolog_x_seconds", "Seconds of x.", ("stage",), (0.5, 1.0))
    for seconds in (0.25, 0.5, 0.75, 30.0):
        histogram.observe(seconds, "draw")
    histogram.observe(2.0, 'a"b')
    text = metrics_text(histogram.metrics())
    assert text.count("# TYPE kinolog_x_seconds histogram") == 1
    lines = text.splitlines()[2:]
    assert lines[:5] == [
        'kinolog_x_seconds_bucket{stage="draw",le="0.5"} 2',
        'kinolog_x_seconds_bucket{stage="draw",le="1"} 3',
        'kinolog_x_seconds_bucket{stage="draw",le="+Inf"} 4',
        'kinolog_x_seconds_sum{stage="draw"} 31.5',
        'kinolog_x_seconds_count{stage="draw"} 4',
    ]
    assert lines[7] == 'kinolog_x_seconds_bucket{stage="a\\"b",le="+Inf"} 1'
    assert served(text) == {"kinolog_x_seconds": MetricFamily("histogram", frozenset({"stage"}))}


def test_labels_must_fit() -> None:
    """A forgotten label is an error, not a series of its own."""
    with pytest.raises(ValueError, match="has the labels"):
        Histogram("x", "X.", ("stage",)).observe(1.0)
