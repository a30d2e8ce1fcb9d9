"""Dates and times as people type them, in the local time zone. Pure except for that zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FORMS = (("%Y-%m-%d", timedelta(days=1)), ("%Y-%m-%d %H:%M", timedelta(minutes=1)))
"""Accepted formats, and the duration that each of them names."""
EXAMPLE = "2026-11-22 or 2026-11-22 15:30"


class InvalidTime(Exception):
    """A typed date is invalid. The text gives the expected format."""


def start_of(typed: str) -> datetime:
    """Return the start of a day or minute in UTC. Raises `InvalidTime`."""
    return _parse(typed)[0].astimezone().astimezone(UTC)


def end_of(typed: str) -> datetime:
    """Return the end of a day or minute in UTC, exclusive. Raises `InvalidTime`."""
    start, duration = _parse(typed)
    return (start + duration).astimezone().astimezone(UTC)


def date_errors(since: str, until: str) -> dict[str, str]:
    """Return an error text for each invalid field of a date range. Either end may be empty."""
    errors: dict[str, str] = {}
    for name, typed in (("from", since), ("to", until)):
        try:
            if typed:
                start_of(typed)
        except InvalidTime as error:
            errors[name] = str(error)
    if not errors and since and until and end_of(until) <= start_of(since):
        errors["to"] = "must not be before from"
    return errors


def _parse(typed: str) -> tuple[datetime, timedelta]:
    for form, duration in FORMS:
        try:
            return datetime.strptime(" ".join(typed.split()), form), duration
        except (ValueError, OverflowError):
            continue
    raise InvalidTime(f"must be like {EXAMPLE}")
