"""Work that a cancellation waits for instead of breaking into."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 10.0


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """What `work` answers. A cancellation comes through once the work has ended, or after `PATIENCE_SECONDS`.

    A connection to Postgres that is torn out of a command cannot be used, nor closed in good order.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,), timeout=PATIENCE_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def raise_if_cancelled() -> None:
    """Raise `CancelledError` when this task was told to end, whatever error came of it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
