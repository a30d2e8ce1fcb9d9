"""Cursors of lists that no list returned: refused before they reach a query."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kinolog.ports.read_model import InvalidCursor, JobFilter, SortField, SortOrder
from kinolog.readmodel.queries.cursors import CursorPosition, read_cursor, write_cursor

NOW = datetime(2026, 11, 22, tzinfo=UTC)
VALUES: dict[SortField, Any] = {
    SortField.CREATED_AT: NOW,
    SortField.UPDATED_AT: NOW,
    SortField.PROGRESS: 12.5,
    SortField.DURATION: 2**40,
    SortField.PRIORITY: 3,
}
BEYOND_EVERY_COLUMN = [10**30, -(10**30), 2**63, float("inf"), float("nan"), True, "x", None, [1], {}]


def forged(order: SortOrder, **changes: Any) -> str:
    """Return a cursor of a list with another value or number: its id is no secret."""
    true = write_cursor("home", JobFilter(), order, CursorPosition(VALUES[order.field], 1))
    list_id, value, number = json.loads(base64.urlsafe_b64decode(true + "=" * (-len(true) % 4)))
    text = json.dumps([list_id, changes.get("value", value), changes.get("number", number)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("field", SortField)
def test_a_cursor_is_read_as_it_was_written(field: SortField) -> None:
    """The place of a cursor that a list returned is the same after reading."""
    order = SortOrder(field)
    place = CursorPosition(VALUES[field], 7)
    assert read_cursor("home", JobFilter(), order, write_cursor("home", JobFilter(), order, place)) == place
    assert read_cursor("home", JobFilter(), order, forged(order)) == CursorPosition(VALUES[field], 1)


@pytest.mark.parametrize("field", SortField)
@pytest.mark.parametrize("wrong", BEYOND_EVERY_COLUMN, ids=str)
def test_a_forged_place_is_refused(field: SortField, wrong: Any) -> None:
    """A value or number that the column of the list cannot hold is an invalid cursor, never a failed query."""
    order = SortOrder(field)
    for changes in ({"value": wrong}, {"number": wrong}):
        with pytest.raises(InvalidCursor):
            read_cursor("home", JobFilter(), order, forged(order, **changes))


def test_a_time_without_a_zone_and_a_priority_beyond_the_last_are_refused() -> None:
    """The values of times and priorities are those of their columns."""
    for field, wrong in ((SortField.CREATED_AT, "2026-11-22T00:00:00"), (SortField.PRIORITY, 4)):
        with pytest.raises(InvalidCursor):
            read_cursor("home", JobFilter(), SortOrder(field), forged(SortOrder(field), value=wrong))


def test_a_cursor_that_is_nested_too_deeply_is_refused() -> None:
    """A cursor is data of anybody: its form cannot exhaust the stack."""
    deep = base64.urlsafe_b64encode(b"[" * 700).decode().rstrip("=")
    with pytest.raises(InvalidCursor):
        read_cursor("home", JobFilter(), SortOrder(), deep)
