"""Issues tickets that are missing in the queue."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.tickets import Ticket, TicketIssuer
from kinolog.ports.workers import WorkerRegistry
from kinolog_projector.dispatch.rules import ticket_of

logger = logging.getLogger(__name__)

UnfinishedJobs: TypeAlias = Callable[[datetime, datetime], AsyncIterator[Sequence[str]]]
"""Pages of ids of jobs that are queued or processing and were not changed from the first time to the second.

A change after the second time is one that another clock, or this one before it was set back, has recorded.
"""

MissingStreams: TypeAlias = Callable[[], Awaitable[Sequence[str]]]
"""Creates the streams of the queue that are missing. Returns their names."""

INTERVAL_SECONDS = 30.0
OVERDUE_SECONDS = 60.0
"""A job that has not changed for this long should have a ticket. That of a later change may not be issued yet."""

STREAMS_SECONDS = 5.0
"""How often the streams of the queue are checked: an operator may delete one."""

MAX_CONCURRENT = 64
"""Jobs that are read and issued at the same time."""


class Reconciler:
    """Compares jobs with tickets at intervals.

    A queued job without a ticket gets one. So does a processing job whose worker is no longer present: without a
    ticket no other worker would take it, and it would never end. While its worker is present, a job gets none. A
    stream of the queue that is missing is created, and then every job gets its ticket at once.
    """

    def __init__(
        self,
        unfinished: UnfinishedJobs,
        store: EventStore,
        issuer: TicketIssuer,
        workers: WorkerRegistry,
        clock: Clock,
        create_missing_streams: MissingStreams,
        overdue_seconds: float = OVERDUE_SECONDS,
    ) -> None:
        self._unfinished = unfinished
        self._store = store
        self._issuer = issuer
        self._workers = workers
        self._clock = clock
        self._create_missing_streams = create_missing_streams
        self._overdue_seconds = overdue_seconds
        self.reissued = 0
        """Tickets issued since this process started."""

    async def run(self, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Reconcile at intervals until cancelled. A round that fails is logged, and the next one follows."""
        next_round_at = time.monotonic() + interval_seconds
        while True:
            await asyncio.sleep(min(STREAMS_SECONDS, interval_seconds))
            try:
                await self.restore_streams()
                if time.monotonic() >= next_round_at:
                    next_round_at = time.monotonic() + interval_seconds
                    await self.reconcile()
            except Exception:
                logger.exception("could not reconcile tickets; the next try follows soon")

    async def restore_streams(self) -> list[str]:
        """Create missing streams of the queue. If there was one, issue all tickets. Return the jobs of the tickets."""
        created = await self._create_missing_streams()
        if created:
            logger.error("created %s, which was missing: every job gets its ticket again", ", ".join(created))
        return await self.reconcile(overdue_seconds=0.0) if created else []

    async def reconcile(self, overdue_seconds: float | None = None) -> list[str]:
        """Issue the missing tickets of jobs that were not changed for a while. Return the ids of the jobs."""
        now = self._clock()
        since = now - timedelta(seconds=self._overdue_seconds if overdue_seconds is None else overdue_seconds)
        outstanding: dict[str, Ticket] | None = None
        reissued: list[str] = []
        async for overdue in self._unfinished(since, now):
            if outstanding is None:
                outstanding = await self._issuer.outstanding()
            missing = [job_id for job_id in overdue if job_id not in outstanding]
            if missing:
                reissued += await self._issue_missing(missing)
        if reissued:
            logger.warning("issued %d missing tickets, for example of job %s", len(reissued), reissued[0])
            self.reissued += len(reissued)
        return reissued

    async def _issue_missing(self, missing: Sequence[str]) -> list[str]:
        """Issue the tickets of those jobs that need one. Return their ids."""
        in_progress = {report.job_id for report in await self._workers.present_workers()}
        limit = asyncio.Semaphore(MAX_CONCURRENT)

        async def issue(job_id: str) -> bool:
            async with limit:
                return await self._issue(job_id, in_progress)

        issued = await asyncio.gather(*map(issue, missing))
        return [job_id for job_id, was_issued in zip(missing, issued, strict=True) if was_issued]

    async def _issue(self, job_id: str, in_progress: set[str]) -> bool:
        loaded = await self._store.load(job_id)
        if loaded is None or not needs_ticket(loaded.job, in_progress):
            return False
        # No ticket was found: one that is there by now is recognised when it is stored.
        await self._issuer.issue(ticket_of(loaded.job, loaded.position), first=True)
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
