"""Work that a cancellation waits for instead of interrupting."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from kinolog.process.tasks import finish

T = TypeVar("T")

MAX_WAIT_SECONDS = 10.0
"""How long a cancellation waits. Whoever cancels must wait longer."""


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`. A cancellation takes effect when it has ended, or after `MAX_WAIT_SECONDS`.

    A connection to Postgres that is interrupted in a command can be neither used nor closed properly.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await finish(task, MAX_WAIT_SECONDS)
        raise
