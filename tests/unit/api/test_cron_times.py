"""Times of cron expressions in time zones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from kinolog_api.schedules.cron_times import CronTimes, UnusableTimes


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (
            datetime(2026, 3, 28, 12, tzinfo=UTC),
            datetime(2026, 3, 29, 1, tzinfo=UTC),
        ),  # 02:30 is left out: at 03:00
        (datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 30, 0, 30, tzinfo=UTC)),
        (
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),  # comes twice: once
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
    ],
)
def test_changes_of_the_clock(after: datetime, expected: datetime) -> None:
    """A time that is left out comes right after the change, and one that comes twice once."""
    assert CronTimes("30 2 * * *", "Europe/Berlin").after(after) == expected


def test_the_last_time() -> None:
    """A time counts from its own second on."""
    times, noon = CronTimes("0 12 * * MON-FRI", "UTC"), datetime(2026, 5, 8, 12, tzinfo=UTC)
    assert times.up_to(noon) == noon
    assert times.up_to(datetime(2026, 5, 11, 11, 59, 59, 999_999, tzinfo=UTC)) == noon


@pytest.mark.parametrize(
    ("cron", "zone", "field"),
    [
        ("", "UTC", "cron"),
        ("* * * * * *", "UTC", "cron"),
        ("60 * * * *", "UTC", "cron"),
        ("0 0 30 2 *", "UTC", "cron"),
        ("@daily", "UTC", "cron"),
        ("0 0 * * *", "Atlantis", "zone"),
        ("0 0 * * *", "../etc/passwd", "zone"),
    ],
)
def test_what_is_no_time_is_named(cron: str, zone: str, field: str) -> None:
    with pytest.raises(UnusableTimes) as unusable:
        CronTimes(cron, zone)
    assert unusable.value.field == field
