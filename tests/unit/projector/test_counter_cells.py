"""Cells have the order of the jobs in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kinolog.ports.read_model import SortField
from kinolog.readmodel.counter_cells import LEVELS, SortKeys, bounds_of, coarser, finest_cells

START = datetime(2026, 1, 1, tzinfo=UTC)
times = st.integers(0, 10**14).map(lambda micros: START + timedelta(microseconds=micros))
percents = st.one_of(st.sampled_from([0.0, 0.001, 0.5, 1.0, 99.9999, 100.0]), st.floats(0, 100))
keys = st.builds(
    SortKeys,
    number=st.integers(1, 2**40),
    created_at=times,
    updated_at=times,
    percent=percents,
    duration_us=st.one_of(st.just(-1), st.integers(0, 10**13)),
    priority_order=st.integers(0, 3),
)

VALUES: dict[SortField, Callable[[SortKeys], Any]] = {
    SortField.CREATED_AT: lambda key: key.created_at,
    SortField.UPDATED_AT: lambda key: key.updated_at,
    SortField.PROGRESS: lambda key: key.percent,
    SortField.DURATION: lambda key: key.duration_us,
    SortField.PRIORITY: lambda key: key.priority_order,
}


@given(keys, keys)
def test_the_order_of_cells_is_the_order_of_jobs(one: SortKeys, other: SortKeys) -> None:
    """A job in an earlier cell comes earlier in the list, in every order and at every level."""
    for field, value in VALUES.items():
        cell, other_cell = finest_cells(one)[field], finest_cells(other)[field]
        for level in range(LEVELS):
            first = (cell.major, coarser(cell.number, level))
            second = (other_cell.major, coarser(other_cell.number, level))
            if first < second:
                assert (value(one), one.number) < (value(other), other.number), (field, level)


@given(keys)
def test_a_job_is_within_the_bounds_of_its_cell(key: SortKeys) -> None:
    """The bounds by which a cell is read contain the jobs that are counted in it."""
    for field, cell in finest_cells(key).items():
        bounds = bounds_of(field, cell)
        position = (VALUES[field](key), key.number)
        assert bounds.lower is None or bounds.lower <= position, field
        assert bounds.upper is None or position < bounds.upper, field
