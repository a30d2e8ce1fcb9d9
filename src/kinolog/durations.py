"""Lengths of time, and times, as people read and write them. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_WRITTEN_LENGTH = re.compile(r"(\d{1,7})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def written_length(text: str) -> timedelta | None:
    """Return a length of time such as `45s`, `10m`, `12h` or `90d`; None for another text."""
    found = _WRITTEN_LENGTH.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def written_moment(text: str, now: datetime) -> datetime | None:
    """Return the end of a length such as `12h` from `now`, or a time such as `2027-01-31T22:00`.

    A time without a zone is in that of this machine. None for another text, and for a length of 0.
    """
    try:
        if length := written_length(text):
            return now + length
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        return None


def length_text(seconds: float) -> str:
    """Return a length of time, such as `4.2 s`, `1:05` or `2:00:05`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def age_text(seconds: float) -> str:
    """Return how long ago a time was, such as `3 min`. A time that is still to come counts as now."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
