"""Issues tickets that are missing in the queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.tickets import TicketIssuer
from kinolog.ports.workers import WorkerRegistry
from kinolog_projector.dispatch.rules import ticket_of

logger = logging.getLogger(__name__)

UnfinishedJobs: TypeAlias = Callable[[datetime], Awaitable[Sequence[str]]]
"""Ids of jobs that are queued or processing and have not changed since the given time, oldest change first."""

INTERVAL_SECONDS = 30.0
OVERDUE_SECONDS = 60.0
"""A job that has not changed for this long should have a ticket. That of a later change may not be issued yet."""

MAX_CONCURRENT = 16


class Reconciler:
    """Compares jobs with tickets at intervals.

    A queued job without a ticket gets one. So does a processing job whose worker is no longer present: without a
    ticket no other worker would take it, and it would never end. While its worker is present, a job gets none.
    """

    def __init__(
        self,
        unfinished: UnfinishedJobs,
        store: EventStore,
        issuer: TicketIssuer,
        workers: WorkerRegistry,
        clock: Clock,
        overdue_seconds: float = OVERDUE_SECONDS,
    ) -> None:
        self._unfinished = unfinished
        self._store = store
        self._issuer = issuer
        self._workers = workers
        self._clock = clock
        self._overdue_seconds = overdue_seconds
        self.reissued = 0
        """Tickets issued since this process started."""

    async def run(self, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Reconcile at intervals until cancelled. A round that fails is logged, and the next one follows."""
        while True:
            await asyncio.sleep(interval_seconds)
            try:
                await self.reconcile()
            except Exception:
                logger.exception("could not reconcile tickets; the next try is in %g s", interval_seconds)

    async def reconcile(self) -> list[str]:
        """Issue the missing tickets. Return the ids of their jobs."""
        overdue = await self._unfinished(self._clock() - timedelta(seconds=self._overdue_seconds))
        if not overdue:
            return []
        outstanding = await self._issuer.outstanding()
        missing = [job_id for job_id in overdue if job_id not in outstanding]
        if not missing:
            return []
        in_progress = {report.job_id for report in await self._workers.present_workers()}
        limit = asyncio.Semaphore(MAX_CONCURRENT)

        async def issue(job_id: str) -> bool:
            async with limit:
                return await self._issue(job_id, in_progress)

        issued = await asyncio.gather(*map(issue, missing))
        reissued = [job_id for job_id, was_issued in zip(missing, issued, strict=True) if was_issued]
        if reissued:
            logger.warning("issued %d missing tickets, for example of job %s", len(reissued), reissued[0])
            self.reissued += len(reissued)
        return reissued

    async def _issue(self, job_id: str, in_progress: set[str]) -> bool:
        loaded = await self._store.load(job_id)
        if loaded is None or not needs_ticket(loaded.job, in_progress):
            return False
        await self._issuer.issue(ticket_of(loaded.job, loaded.position))
        return True


def needs_ticket(job: Job, in_progress: set[str]) -> bool:
    """Return whether a job without a ticket should have one. `in_progress` are the jobs that present workers report."""
    match job.status:
        case Status.QUEUED:
            return True
        case Status.PROCESSING:
            return job.id not in in_progress
        case _:
            return False
