"""Retry while the server does not answer, until a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kinolog.adapters.jetstream.client.api_request import JetStreamApiError
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.backoff import Backoff

T = TypeVar("T")

BACKOFF = Backoff(first_seconds=0.02, longest_seconds=0.5)
TEMPORARY_STATUS = 503
"""Status of temporary refusals: no leader yet, still recovering, too many requests at once."""

TEMPORARY_ERRORS = (10005, 10049, 10158)
"""Error codes of other temporary refusals: servers of a cluster are missing; the folder of a deleted stream is still
being removed; the same message is being stored.
"""


async def retry_until_answered(
    attempt: Callable[[], Awaitable[T]],
    retry_timeout_seconds: float,
    retried: type[LogUnavailable] = LogUnavailable,
) -> T:
    """Return what `attempt` returns. Retry it for `retry_timeout_seconds` while the log is unavailable.

    `retried` limits that to one kind of being unavailable; others are raised at once.

    Raises `LogUnavailable` after that time, and at once for a permanent refusal. `attempt` must be safe to
    repeat.
    """
    deadline = asyncio.get_running_loop().time() + retry_timeout_seconds
    pauses = BACKOFF.pauses()
    while True:
        try:
            return await attempt()
        except retried as error:
            unavailable = error
        except JetStreamApiError as error:
            if error.status != TEMPORARY_STATUS and error.number not in TEMPORARY_ERRORS:
                raise LogUnavailable(str(error)) from error
            unavailable = LogUnavailable(str(error))
        pause = next(pauses)
        if asyncio.get_running_loop().time() + pause > deadline:
            raise unavailable
        await asyncio.sleep(pause)
