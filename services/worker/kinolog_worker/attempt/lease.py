"""The right of a worker to speak for an attempt: the job's tail, and appends that build on it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from kinolog.command_handler import CommandHandler
from kinolog.job.commands import Command
from kinolog.job.decide import LeaseLost
from kinolog.job.events import Event
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.event_store import Conflict, EventStore, LoadedJob, LogUnavailable
from kinolog.process.log_retry import FIRST_PAUSE_SECONDS, retry_until_log_available

logger = logging.getLogger(__name__)


class Lease:
    """Appends on behalf of one attempt, one at a time.

    When somebody else was faster, such as a person who cancels, the command is decided anew. While the log cannot
    be reached it is tried on, for as long as it takes: the work is kept. Once another worker holds the job every
    call raises `LeaseLost`.
    """

    def __init__(
        self, store: EventStore, handler: CommandHandler, worker: str, tail: LoadedJob, attempt: int
    ) -> None:
        self._store = store
        self._handler = handler
        self._worker = worker
        self._tail = tail
        self.attempt = attempt
        self._one_at_a_time = asyncio.Lock()

    @property
    def job(self) -> Job:
        """The job as this worker knows it."""
        return self._tail.job

    @property
    def position(self) -> int:
        """Where the job's tail lies, as far as this worker knows."""
        return self._tail.position

    async def record(self, command: Command) -> tuple[Event, ...]:
        """Give the job a command; the events that it led to. Raises `LeaseLost`, `Refused`."""
        async with self._one_at_a_time:
            while True:
                try:
                    handled = await self._handler.handle_from(self.job.id, self._tail, command)
                except Conflict:
                    pass
                except LogUnavailable as unavailable:
                    logger.warning("job %s waits for the log: %s", self.job.id, unavailable)
                    await asyncio.sleep(FIRST_PAUSE_SECONDS)
                else:
                    self._tail = handled.tail
                    return handled.events
                self._tail = await self._reload()

    async def refresh(self, seen: int) -> Job:
        """The job after the commit at `seen`; read from the log unless it is known. Raises `LeaseLost`."""
        async with self._one_at_a_time:
            if seen > self.position:
                self._tail = await self._reload()
        self._check()
        return self.job

    async def _reload(self) -> LoadedJob:
        load = partial(self._store.load, self.job.id)
        loaded = await retry_until_log_available(load, f"job {self.job.id}")
        if loaded is None:
            raise LeaseLost(self.job, self.attempt, self._worker)
        return loaded

    def _check(self) -> None:
        job = self.job
        if (job.status, job.attempt, job.worker) != (Status.PROCESSING, self.attempt, self._worker):
            raise LeaseLost(job, self.attempt, self._worker)
