"""The lease of an attempt: the position of the job's tail, and appends that build on it."""

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
from kinolog.ports.event_store import AppendConflict, DamagedLog, EventStore, LoadedJob, LogUnavailable
from kinolog.process.log_retry import BACKOFF, retry_until_log_available

logger = logging.getLogger(__name__)

NOT_OF_THE_ATTEMPT: tuple[type[Exception], ...] = (LeaseLost, DamagedLog, LogUnavailable)
"""Errors that do not end an attempt. One of them hides all others of the same moment; an earlier kind hides a later."""


class Lease:
    """Appends on behalf of one attempt, one commit at a time.

    On a conflict, such as with a user who cancels, the command is decided again. While the log does not answer,
    appends are retried without limit, so that no work is lost. Once another worker holds the job, every call
    raises `LeaseLost`.
    """

    def __init__(
        self, store: EventStore, handler: CommandHandler, *, worker: str, tail: LoadedJob, attempt: int
    ) -> None:
        self._store = store
        self._handler = handler
        self._worker = worker
        self._tail = tail
        self.attempt = attempt
        self._lock = asyncio.Lock()

    @property
    def job(self) -> Job:
        """The job as this worker knows it."""
        return self._tail.job

    @property
    def tail(self) -> LoadedJob:
        """The job's tail as this worker knows it."""
        return self._tail

    @property
    def position(self) -> int:
        """Position of the job's tail as this worker knows it."""
        return self._tail.position

    async def record(self, command: Command) -> tuple[Event, ...]:
        """Append the events that a command produces and return them. Raises `LeaseLost`, `Refused`."""
        pauses = BACKOFF.pauses()
        async with self._lock:
            while True:
                try:
                    handled = await self._handler.handle_from(self.job.id, self._tail, command)
                except AppendConflict:
                    pass
                except LogUnavailable as unavailable:
                    logger.warning("job %s waits for the log: %s", self.job.id, unavailable)
                    await asyncio.sleep(next(pauses))
                else:
                    self._tail = handled.tail
                    return handled.events
                self._tail = await self._reload()

    async def refresh(self, position: int) -> Job:
        """Return the job as of the commit at `position`, read from the log if it is newer. Raises `LeaseLost`."""
        async with self._lock:
            if position > self.position:
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
