"""Issues tickets that should lie in the queue and do not."""

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
"""Ids of jobs that are queued or processing and have not changed since the given time, longest first."""

INTERVAL_SECONDS = 30.0
OVERDUE_SECONDS = 60.0
"""A job that has not changed for this long should have a ticket; a younger one's may be on its way."""

AT_ONCE = 16


class Reconciler:
    """Compares jobs with tickets from time to time.

    A queued job without a ticket gets one. So does a job in the hands of a worker that is no longer there: it
    would otherwise stay in processing for ever, as the ticket is what takes it to another worker. While the
    worker is there its job is left alone.
    """

    def __init__(
        self,
        unfinished: UnfinishedJobs,
        store: EventStore,
        office: TicketIssuer,
        workers: WorkerRegistry,
        clock: Clock,
        overdue_seconds: float = OVERDUE_SECONDS,
    ) -> None:
        self._unfinished = unfinished
        self._store = store
        self._office = office
        self._workers = workers
        self._clock = clock
        self._overdue_seconds = overdue_seconds
        self.reissued = 0
        """Tickets issued since this process started."""

    async def run(self, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Reconcile for ever; a round that fails is reported, and the next one is tried."""
        while True:
            await asyncio.sleep(interval_seconds)
            try:
                await self.reconcile()
            except Exception:
                logger.exception("tickets could not be reconciled; the next try is in %g s", interval_seconds)

    async def reconcile(self) -> list[str]:
        """Issue the tickets that are missing; ids of their jobs."""
        overdue = await self._unfinished(self._clock() - timedelta(seconds=self._overdue_seconds))
        if not overdue:
            return []
        lying = await self._office.outstanding()
        missing = [job_id for job_id in overdue if job_id not in lying]
        if not missing:
            return []
        in_hand = {report.job_id for report in await self._workers.present_workers()}
        limit = asyncio.Semaphore(AT_ONCE)

        async def issue(job_id: str) -> bool:
            async with limit:
                return await self._issue(job_id, in_hand)

        issued = await asyncio.gather(*map(issue, missing))
        reissued = [job_id for job_id, was_issued in zip(missing, issued, strict=True) if was_issued]
        if reissued:
            logger.warning(
                "issued %d tickets that were missing, of jobs such as %s", len(reissued), reissued[0]
            )
            self.reissued += len(reissued)
        return reissued

    async def _issue(self, job_id: str, in_hand: set[str]) -> bool:
        loaded = await self._store.load(job_id)
        if loaded is None or not needs_ticket(loaded.job, in_hand):
            return False
        await self._office.issue(ticket_of(loaded.job, loaded.position))
        return True


def needs_ticket(job: Job, in_hand: set[str]) -> bool:
    """Whether a job that has no ticket should have one; `in_hand` are the jobs that present workers report."""
    match job.status:
        case Status.QUEUED:
            return True
        case Status.PROCESSING:
            return job.id not in in_hand
        case _:
            return False
