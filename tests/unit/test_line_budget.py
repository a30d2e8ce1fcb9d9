"""Lines about refusals: a flood gets few, nothing is lost from the count, and others still get theirs."""

from __future__ import annotations

from kinolog.connections.line_budget import (
    ADDRESS_LINES,
    ADDRESS_SECONDS,
    ALL_LINES,
    MOST_ADDRESSES,
    LineBudget,
)


def test_a_flood_of_one_address() -> None:
    """It gets its lines and then one in a while, which counts the rest; another address gets its own meanwhile."""
    now = 0.0
    budget = LineBudget(lambda: now)
    taken = [budget.take("192.0.2.1") for _ in range(1_000)]
    assert [left for left in taken if left is not None] == [0] * ADDRESS_LINES
    assert budget.take("192.0.2.2") == 1_000 - ADDRESS_LINES
    now = ADDRESS_SECONDS
    assert [budget.take("192.0.2.1") for _ in range(3)] == [0, None, None]


def test_a_flood_of_many_addresses() -> None:
    """All together get a limited number of lines, and their number in memory is limited too."""
    budget = LineBudget(lambda: 0.0)
    taken = [budget.take(str(number)) for number in range(5 * MOST_ADDRESSES)]
    assert len([left for left in taken if left is not None]) == ALL_LINES
    assert len(budget._addresses) == MOST_ADDRESSES
