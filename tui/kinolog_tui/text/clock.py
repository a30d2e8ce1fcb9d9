"""The clocks of the dashboard. Tests replace them."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return the seconds of a clock that never goes back. Messages end by it, and videos play by it."""
    return time.monotonic()
