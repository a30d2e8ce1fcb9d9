"""Dates as people type them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from kinolog_tui.session.job_list_filter import JobListFilter
from kinolog_tui.text.local_days import end_of, start_of, wrong_with


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone with daylight saving."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_day_is_that_of_this_zone_from_midnight_to_midnight() -> None:
    """A day begins and ends at local midnight, also when the clocks change."""
    assert start_of("2026-11-22") == datetime(2026, 11, 21, 23, tzinfo=UTC)
    assert end_of("2026-11-22") == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert (end_of("2026-10-25") - start_of("2026-10-25")).total_seconds() == 25 * 3600


def test_a_minute_is_part_of_its_span() -> None:
    """A range to a minute includes that minute."""
    assert start_of("2026-11-22  15:30") == datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
    assert end_of("2026-11-22 15:30") == datetime(2026, 11, 22, 14, 31, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["yesterday", "2026-13-01", "2026-11-31", "22.11.2026", "2026-11-22T10:00"])
def test_what_is_no_day_is_said_with_an_example(typed: str) -> None:
    """An invalid date is reported by its field, with an example."""
    assert wrong_with(typed, "").keys() == {"from"}
    assert "2026-11-22" in wrong_with("", typed)["to"]


def test_a_span_runs_forwards_and_either_end_may_be_open() -> None:
    """The end must not be before the start. One day and one open end are valid ranges."""
    assert wrong_with("2026-11-22", "2026-11-21") == {"to": "must not be before from"}
    assert wrong_with("2026-11-22", "2026-11-22") == wrong_with("2026-11-22", "") == wrong_with("", "") == {}


def test_a_filter_asks_with_times_in_utc() -> None:
    """Days of a filter become the start of the range and its exclusive end."""
    which = JobListFilter(since="2026-11-21", until="2026-11-22")
    assert which.to_selection().params() == {
        "from": "2026-11-20T23:00:00+00:00",
        "to": "2026-11-22T23:00:00+00:00",
    }
    assert which.span == "from 2026-11-21 to 2026-11-22"
