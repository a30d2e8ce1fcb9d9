"""Default arguments of both clients."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

URL = "http://127.0.0.1:8085"
TIMEOUT_SECONDS = 30.0
RETRIES = 2


@cache
def user_agent() -> str:
    """Return what commits of commands name as the program of the caller."""
    return f"kinolog/{version('kinolog')}"
