"""Ids of requests. The service recognises by its time that a new id has no earlier request."""

from __future__ import annotations

import secrets
import time


def new_request_id() -> str:
    """Return a new id: a UUID of version 7, which begins with its time."""
    number = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return f"{number:032x}"
