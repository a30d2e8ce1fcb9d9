"""Riding out a server that restarts: try again while no answer comes, until a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kinolog.adapters.jetstream.client.api_request import JetStreamApiError
from kinolog.ports.event_store import LogUnavailable

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5
PASSING_STATUS = 503
"""Status of refusals that pass: no leader yet, still recovering, too much at once."""

PASSING = (10005, 10049, 10158)
"""Other refusals that pass: servers of a cluster that have not shown up yet; the folder of a deleted stream is still
being removed; the same message is on its way.
"""


async def retry_until_answered(attempt: Callable[[], Awaitable[T]], patience_seconds: float) -> T:
    """What `attempt` answers, tried again for `patience_seconds` while the log is unavailable.

    Raises `LogUnavailable` when it stays so. Only for attempts that may be made more than once.
    """
    deadline = asyncio.get_running_loop().time() + patience_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await attempt()
        except LogUnavailable as error:
            unavailable = error
        except JetStreamApiError as error:
            if error.status != PASSING_STATUS and error.number not in PASSING:
                raise LogUnavailable(str(error)) from error
            unavailable = LogUnavailable(str(error))
        if asyncio.get_running_loop().time() + pause > deadline:
            raise unavailable
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
