"""When a delivery that failed is tried again."""

from __future__ import annotations

from collections.abc import Sequence

RETRY_SECONDS = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Pauses after each failed attempt: those of Standard Webhooks. Together 76 hours, in 10 attempts."""
JITTER = 0.1
"""A pause is longer by up to this part of itself, so that receivers that came back are not all called at once."""


def pause_seconds(pauses: Sequence[float], attempts: int, random: float) -> float | None:
    """Return the pause after so many failed attempts; None after the last one. `random` is from 0 to 1."""
    if attempts > len(pauses):
        return None
    return pauses[attempts - 1] * (1.0 + JITTER * random)
