"""Runs the projector and the dispatch in one process until shutdown, or until one of them fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from kinolog.ports.event_store import DamagedLog
from kinolog.process import ready_line
from kinolog.process.logs import fields
from kinolog.process.probe import Probe
from kinolog.process.tasks import end_tasks, first_error
from kinolog_projector.projection.projector import Projector

logger = logging.getLogger(__name__)

NAME = "projector"
DISPATCH_ANYWAY_SECONDS = 15.0
"""After this time tickets are issued although the database, and so the check of the log, is unavailable."""


async def serve(
    projector: Projector,
    dispatch: Callable[[], Awaitable[None]],
    probe: Probe,
    stopping: asyncio.Event,
) -> None:
    """Serve until `stopping` is set. Raises the error that ends a task: `DamagedLog`, `WrongSchema`."""
    await probe.start()
    projecting = asyncio.create_task(projector.run(), name="projector")
    dispatching = asyncio.create_task(_dispatch(projector, dispatch), name="dispatch")
    announcing = asyncio.create_task(_announce(projector, probe), name="announcement")
    stop = asyncio.create_task(_wait_for(stopping), name="stop")
    try:
        await asyncio.wait((projecting, dispatching, stop), return_when=asyncio.FIRST_COMPLETED)
        for task in (projecting, dispatching):
            if task.done():
                _raise_cause(task)
        logger.info("stopping", extra=fields("stopping", position=projector.position))
    finally:
        tasks = (projecting, dispatching, announcing, stop)
        await end_tasks(tasks)
        await probe.stop()


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


async def _announce(projector: Projector, probe: Probe) -> None:
    await projector.checked.wait()
    ready_line.announce(NAME, **({"probe": probe.url} if probe.url else {}))


async def _dispatch(projector: Projector, dispatch: Callable[[], Awaitable[None]]) -> None:
    """Dispatch after the log has passed its check: a log that lost its end must not be appended to."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DISPATCH_ANYWAY_SECONDS):
            await projector.checked.wait()
    await dispatch()


def _raise_cause(task: asyncio.Task[None]) -> None:
    """Raise the error that ended a task; of a group, damage of the log before all others."""
    error = task.exception()
    if error is not None:
        raise first_error(error, (DamagedLog, BaseException)) or error
