"""Retry while the log is unavailable, without a deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kinolog.ports.event_store import LogUnavailable
from kinolog.process.backoff import Backoff

logger = logging.getLogger(__name__)

T = TypeVar("T")

BACKOFF = Backoff(first_seconds=0.1, longest_seconds=2.0)


async def retry_until_log_available(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """Return what `attempt` returns as soon as the log is available. `attempt` must be safe to repeat.

    `what` names the attempt in the log lines of the failures.
    """
    pauses = BACKOFF.pauses()
    while True:
        try:
            return await attempt()
        except LogUnavailable as unavailable:
            logger.warning("%s waits for the log: %s", what, unavailable)
        await asyncio.sleep(next(pauses))
