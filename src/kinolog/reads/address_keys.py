"""The keys under which addresses of readers are sealed: one for each month. They are stored like keys of jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

REMEMBERED_MONTHS = 24
"""Months before the oldest that is kept whose keys are looked for, to delete them."""


def address_key(at: datetime) -> str:
    """Return the id of the key that seals addresses of reads at a time. It is storage."""
    return f"reads-{at.astimezone(UTC):%Y-%m}"


def current_address_keys(now: datetime, days: int) -> list[str]:
    """Return the ids of keys of months whose last day is at most so many days ago, the latest first."""
    first = (now.astimezone(UTC) - timedelta(days=days)).replace(day=1)
    month, kept = now.astimezone(UTC).replace(day=1), list[str]()
    while month.date() >= first.date():
        kept.append(address_key(month))
        month = (month - timedelta(days=1)).replace(day=1)
    return kept


def ended_address_keys(now: datetime, days: int) -> list[str]:
    """Return the ids of keys of months whose last day is more than so many days ago, the latest first."""
    oldest = (now.astimezone(UTC) - timedelta(days=days)).replace(day=1)
    ended = []
    for _ in range(REMEMBERED_MONTHS):
        oldest = (oldest - timedelta(days=1)).replace(day=1)
        ended.append(address_key(oldest))
    return ended
