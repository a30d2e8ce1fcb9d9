"""Ends jobs that no worker has started by their deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from kinolog.command_handler import CommandHandler
from kinolog.counts import counted
from kinolog.job.commands import Expire
from kinolog.job.decide import Refused
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.read_model import ReadModelUnavailable

logger = logging.getLogger(__name__)

ACTOR = "projector"
CHECK_SECONDS = 2.0
"""How often late jobs are looked for: one look into an index, whatever the length of the queue."""

LateStarts: TypeAlias = Callable[[datetime], AsyncIterator[Sequence[str]]]
"""Pages of ids of queued jobs that should have started before a time, as the read model has them."""


class StartDeadlines:
    """Looks for late jobs in the read model. The log decides: a job that has started meanwhile goes on.

    While the read model cannot be read, late jobs stay queued, and fail when a worker wants to start them.
    """

    def __init__(self, late_starts: LateStarts, handler: CommandHandler, clock: Clock) -> None:
        self._late_starts = late_starts
        self._handler = handler
        self._clock = clock

    async def run(self, interval_seconds: float = CHECK_SECONDS) -> None:
        """End late jobs until cancelled. A look that fails ends nothing else: tickets are issued meanwhile."""
        while True:
            try:
                await self.expire()
            except (ReadModelUnavailable, LogUnavailable) as unavailable:
                logger.debug("late jobs stay queued: %s", unavailable)
            except Exception:
                logger.exception("could not look for late jobs; the next try follows soon")
            await asyncio.sleep(interval_seconds)

    async def expire(self) -> list[str]:
        """End the jobs that are late now. Return their ids. Raises `ReadModelUnavailable`, `LogUnavailable`."""
        expired: list[str] = []
        async for page in self._late_starts(self._clock()):
            expired += [job_id for job_id in page if await self._expire(job_id)]
        if expired:
            logger.warning(
                "%s had not started in time, for example %s", counted(len(expired), "job"), expired[0]
            )
        return expired

    async def _expire(self, job_id: str) -> bool:
        """Return whether the job was ended."""
        try:
            handled = await self._handler.handle(job_id, Expire(id=f"expire-{job_id}", actor=ACTOR))
        except (Refused, DamagedLog) as error:  # one job must not keep the others back
            logger.warning("job %s is late and was not ended: %s", job_id, error)
            return False
        return bool(handled.events)
