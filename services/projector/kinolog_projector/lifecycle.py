"""Running the projector and the keeper of the queue in one process until told to stop, or until one cannot go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from kinolog.process import ready_line
from kinolog.process.logs import fields
from kinolog.process.probe import Probe
from kinolog_projector.projection.projector import Projector

logger = logging.getLogger(__name__)

NAME = "projector"
QUEUE_ANYWAY_SECONDS = 15.0
"""Tickets are issued although the database, and so the check of the log, cannot be reached for this long."""


async def serve(
    projector: Projector,
    keep_queue: Callable[[], Awaitable[None]],
    probe: Probe,
    stopping: asyncio.Event,
) -> None:
    """Serve. Raises what keeps a part from going on: `DamagedLog`, `WrongSchema`."""
    await probe.start()
    projecting = asyncio.create_task(projector.run(), name="projector")
    queueing = asyncio.create_task(_queue(projector, keep_queue), name="queue")
    announcing = asyncio.create_task(_announce(projector, probe), name="announcement")
    told = asyncio.create_task(_told(stopping), name="stop")
    try:
        await asyncio.wait((projecting, queueing, told), return_when=asyncio.FIRST_COMPLETED)
        for task in (projecting, queueing):
            if task.done():
                _raise_cause(task)
        logger.info("stopping", extra=fields("stopping", position=projector.position))
    finally:
        tasks = (projecting, queueing, announcing, told)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await probe.stop()


async def _told(stopping: asyncio.Event) -> None:
    await stopping.wait()


async def _announce(projector: Projector, probe: Probe) -> None:
    await projector.checked.wait()
    ready_line.announce(NAME, **({"probe": probe.url} if probe.url else {}))


async def _queue(projector: Projector, keep_queue: Callable[[], Awaitable[None]]) -> None:
    """Keep the queue once the log was found in order: a log that lost its end must not be added to."""
    with suppress(TimeoutError):
        async with asyncio.timeout(QUEUE_ANYWAY_SECONDS):
            await projector.checked.wait()
    await keep_queue()


def _raise_cause(task: asyncio.Task[None]) -> None:
    """Raise what ended a task; of a group, the first of its causes."""
    error = task.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error
