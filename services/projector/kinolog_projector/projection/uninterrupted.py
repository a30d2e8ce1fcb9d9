"""Work that a cancellation waits for instead of interrupting."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

MAX_WAIT_SECONDS = 10.0


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`. A cancellation takes effect when it has ended, or after `MAX_WAIT_SECONDS`.

    A connection to Postgres that is interrupted in a command can be neither used nor closed properly.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,), timeout=MAX_WAIT_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def raise_if_cancelled() -> None:
    """Raise `CancelledError` if this task was cancelled, whatever error the cancellation has caused."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
