"""Stacked columns: what is drawn is what was counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from kinolog_tui.widgets.charts.columns import time_labels
from kinolog_tui.widgets.charts.stacking import EIGHTHS, fit_columns, stack_cells

NUMBERS = st.lists(st.integers(0, 1000).map(float), min_size=3, max_size=3)


@given(st.lists(NUMBERS, min_size=1, max_size=300), st.integers(1, 120))
def test_merged_counts_are_the_counted_ones(buckets: list[list[float]], width: int) -> None:
    """Columns that contain several buckets have their sums, and together all of them."""
    series = list(zip(*buckets, strict=True))
    columns = fit_columns(series, width, "sum")
    assert len(columns) == width
    if len(buckets) >= width:
        assert [sum(values) for values in zip(*columns, strict=True)] == [sum(one) for one in series]


@given(st.lists(NUMBERS, min_size=1, max_size=300), st.integers(1, 120))
def test_merged_states_were_there(buckets: list[list[float]], width: int) -> None:
    """A column of states is one of its buckets: maxima of different buckets are never added."""
    columns = fit_columns(list(zip(*buckets, strict=True)), width, "peak")
    there = {tuple(bucket) for bucket in buckets}
    assert all(column in there for column in columns)
    assert max(map(sum, columns)) == max(map(sum, buckets))


@given(NUMBERS, st.integers(3, 40), st.floats(1, 4))
def test_every_series_is_seen(values: list[float], height: int, room: float) -> None:
    """A series with a value has a cell, none without one has any, and no column is higher than the chart."""
    most = max(1.0, sum(values) * room)
    cells = stack_cells(values, most, height)
    assert {index for index, _ in cells} == {index for index, value in enumerate(values) if value}
    assert len(cells) <= height
    assert [filled for _, filled in cells[:-1]] == [EIGHTHS] * (len(cells) - 1) if cells else True
    drawn = sum(filled for _, filled in cells)
    exact = sum(values) / most * height * EIGHTHS
    assert abs(drawn - exact) <= max(1.0, EIGHTHS * 2 + 1 if exact < EIGHTHS * 2 + 1 else 1.0)


def test_one_failure_among_a_thousand_is_drawn() -> None:
    """The failure has a cell of its own at the top."""
    assert stack_cells([1000.0, 1.0], 1001.0, 4) == [(0, 8), (0, 8), (0, 8), (1, 8)]


def test_each_date_is_written_once_where_it_begins() -> None:
    """Below wide columns of days and below narrow ones of hours a date stands under the first column of its day."""
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    days = [start + timedelta(days=day) for day in range(8)]
    hours = [start + timedelta(hours=hour) for hour in range(168)]
    for times, columns in ((days, 59), (days, 40), (hours, 93), (hours, 168), (hours, 400)):
        dates = [time.astimezone().strftime("%d %b") for time in times]
        indices = [-index for index in range(len(times))]
        shown = [dates[-int(index)] for (index,) in fit_columns([indices], columns, "peak")]
        labels = time_labels(times, columns)
        assert len(labels) >= 3
        assert len(set(labels.values())) == len(labels)
        assert {at: shown.index(label) for at, label in labels.items()} == {at: at for at in labels}
