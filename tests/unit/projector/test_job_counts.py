"""A span of cells is a few coarse cells and the fine ones at both ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kinolog.readmodel.counter_cells import LEVEL_BITS, LEVELS
from kinolog.readmodel.queries.job_counts import FIRST_CELL, LAST_CELL, cover

CELLS = st.integers(-20_000, 20_000)


@given(CELLS, st.integers(0, 20_000))
def test_every_cell_of_a_span_is_covered_once(first: int, length: int) -> None:
    """The finest cells of the ranges are those of the span, each once."""
    found: list[int] = []
    for level, _, start, end in cover(first, first + length):
        bits = LEVEL_BITS * level
        found += range(start << bits, end << bits)
    assert sorted(found) == list(range(first, first + length))


@given(CELLS)
def test_a_span_without_an_end_takes_few_ranges(cell: int) -> None:
    """An open end is covered by coarse cells alone."""
    for first, end in ((FIRST_CELL, cell), (cell, LAST_CELL)):
        ranges = list(cover(first, end))
        assert len({(level, side) for level, side, *_ in ranges}) == len(ranges)
        fine = [stop - start for level, _, start, stop in ranges if level < LEVELS - 1]
        assert sum(fine) < LEVELS * 2 << LEVEL_BITS
