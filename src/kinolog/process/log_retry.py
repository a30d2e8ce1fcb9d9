"""Trying again while the log cannot be reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kinolog.ports.event_store import LogUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


async def retry_until_log_available(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """What `attempt` answers once the log can be reached. Only for what may be done more than once."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await attempt()
        except LogUnavailable as unavailable:
            logger.warning("%s waits for the log: %s", what, unavailable)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
