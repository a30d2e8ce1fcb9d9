"""Dates as people type them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from kinolog_tui.session.job_list_filter import JobListFilter
from kinolog_tui.text.local_days import date_errors, end_of, start_of


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone with daylight saving."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_day_is_local_from_midnight_to_midnight() -> None:
    """A day begins and ends at local midnight, also when the clocks change."""
    assert start_of("2026-11-22") == datetime(2026, 11, 21, 23, tzinfo=UTC)
    assert end_of("2026-11-22") == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert (end_of("2026-10-25") - start_of("2026-10-25")).total_seconds() == 25 * 3600


def test_a_minute_is_part_of_its_span() -> None:
    """A range to a minute includes that minute."""
    assert start_of("2026-11-22  15:30") == datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
    assert end_of("2026-11-22 15:30") == datetime(2026, 11, 22, 14, 31, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["yesterday", "2026-13-01", "2026-11-31", "22.11.2026", "2026-11-22T10:00"])
def test_an_invalid_date_is_reported_with_an_example(typed: str) -> None:
    """An invalid date is reported by its field, with an example."""
    assert date_errors(typed, "").keys() == {"from"}
    assert "2026-11-22" in date_errors("", typed)["to"]


def test_a_range_may_have_one_open_end_but_not_run_backwards() -> None:
    """The end must not be before the start. One day and one open end are valid ranges."""
    assert date_errors("2026-11-22", "2026-11-21") == {"to": "must not be before from"}
    assert (
        date_errors("2026-11-22", "2026-11-22") == date_errors("2026-11-22", "") == date_errors("", "") == {}
    )


def test_a_filter_requests_times_in_utc() -> None:
    """Days of a filter become the start of the range and its exclusive end."""
    job_filter = JobListFilter(since="2026-11-21", until="2026-11-22")
    assert job_filter.to_selection().params() == {
        "from": "2026-11-20T23:00:00+00:00",
        "to": "2026-11-22T23:00:00+00:00",
    }
    assert job_filter.span == "from 2026-11-21 to 2026-11-22"
