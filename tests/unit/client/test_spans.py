"""Spans of time in requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from kinolog_client import TimeSpan
from kinolog_client.models.selection import local_offset


@pytest.fixture(params=["UTC-2", "UTC+5:30"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine with this time zone, as POSIX writes it: hours west of UTC."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_days_are_those_of_this_machine(zone: str) -> None:
    """Words that begin at a midnight carry the offset of this machine; other spans need none."""
    expected = {"UTC-2": "+02:00", "UTC+5:30": "-05:30"}[zone]
    for word in ("today", "this_week", "this_month"):
        assert TimeSpan(date_range=word).params() == {"date_range": word, "utc_offset": expected}
    assert TimeSpan(date_range="last_7_days").params() == {"date_range": "last_7_days"}
    assert TimeSpan(start=datetime(2026, 11, 22, tzinfo=UTC)).params() == {
        "from": "2026-11-22T00:00:00+00:00"
    }


def test_another_clock_can_be_given() -> None:
    """A program that asks for another person says whose days it means."""
    span = TimeSpan(date_range="today", utc_offset="+09:00")
    assert span.params() == {"date_range": "today", "utc_offset": "+09:00"}


def test_an_offset_is_in_whole_minutes() -> None:
    """An offset with seconds, as clocks had before time zones, loses them."""
    zone = timezone(timedelta(minutes=53, seconds=28))
    assert local_offset(datetime(1890, 1, 1, tzinfo=zone)) == "+00:53"
