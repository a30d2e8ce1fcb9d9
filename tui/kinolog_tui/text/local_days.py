"""Days and times as people type them, in the time zone of this machine. Pure but for that zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FORMS = (("%Y-%m-%d", timedelta(days=1)), ("%Y-%m-%d %H:%M", timedelta(minutes=1)))
"""How a moment may be written, and how long what it names is."""
EXAMPLE = "2026-11-22 or 2026-11-22 15:30"


class InvalidTime(Exception):
    """What is wrong with a day that was typed, in words."""


def start_of(typed: str) -> datetime:
    """When the day or minute begins, in UTC. Raises InvalidTime."""
    return _read(typed)[0].astimezone().astimezone(UTC)


def end_of(typed: str) -> datetime:
    """When the day or minute is over, in UTC: the first moment that is no part of it. Raises InvalidTime."""
    begins, lasts = _read(typed)
    return (begins + lasts).astimezone().astimezone(UTC)


def wrong_with(since: str, until: str) -> dict[str, str]:
    """What is wrong with a span, by the field that it is wrong with; either end may be left open."""
    wrong: dict[str, str] = {}
    for name, typed in (("from", since), ("to", until)):
        try:
            if typed:
                start_of(typed)
        except InvalidTime as error:
            wrong[name] = str(error)
    if not wrong and since and until and end_of(until) <= start_of(since):
        wrong["to"] = "must not be before from"
    return wrong


def _read(typed: str) -> tuple[datetime, timedelta]:
    for form, lasts in FORMS:
        try:
            return datetime.strptime(" ".join(typed.split()), form), lasts
        except (ValueError, OverflowError):
            continue
    raise InvalidTime(f"must be like {EXAMPLE}")
