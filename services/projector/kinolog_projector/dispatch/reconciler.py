"""Issues tickets that are missing in the queue."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeAlias

from kinolog.counts import counted
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.tickets import Ticket, TicketIssuer
from kinolog.ports.workers import WorkerRegistry
from kinolog_projector.dispatch.rules import ticket_of

logger = logging.getLogger(__name__)


class UnfinishedJob(NamedTuple):
    """A job that has not ended, as the read model has it. `running`: an attempt was started and has not ended."""

    id: str
    running: bool = False


UnfinishedJobs: TypeAlias = Callable[[datetime, datetime], AsyncIterator[Sequence[UnfinishedJob]]]
"""Pages of jobs that are queued or processing and were not changed from the first time to the second.

A change after the second time is one that another clock, or this one before it was set back, has recorded.
"""

MissingStreams: TypeAlias = Callable[[], Awaitable[Sequence[str]]]
"""Creates the streams of the queue that are missing. Returns their names."""

INTERVAL_SECONDS = 30.0
OVERDUE_SECONDS = 60.0
"""A job that has not changed for this long should have a ticket. That of a later change may not be issued yet."""

STREAMS_SECONDS = 5.0
"""How often the streams of the queue are checked: an operator may delete one."""

UNDELIVERED_SECONDS = 900.0
"""A queued job that has not changed for this long may have a ticket that is not delivered any more: the notice that it
was delivered too often is lost. It is longer than any pause of a ticket.
"""

UNDELIVERED_ROUNDS = 10
"""Such tickets are looked for once in this many rounds: it reads the whole queue."""

SET_BACK_SECONDS = 2.0
"""A wall clock that falls behind the steady clock by more was set back."""

MAX_CONCURRENT = 64
"""Jobs that are read and issued at the same time."""


class Reconciler:
    """Compares jobs with tickets at intervals.

    A queued job without a ticket gets one. A processing job whose worker is no longer present gets a new one, whatever
    became of the old: without a ticket no other worker would take it, and it would never end. While its worker is
    present, a job gets none. A stream of the queue that is missing is created, and then every queued job gets its
    ticket at once.

    The server measures pauses and ack waits by its wall clock. When that is set back, delayed tickets would come as
    much too late: they are issued again.
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
        offset, rounds = self._clock_offset(), 0
        while True:
            await asyncio.sleep(min(STREAMS_SECONDS, interval_seconds))
            try:
                await self.restore_streams()
                before, offset = offset, self._clock_offset()
                if offset < before - SET_BACK_SECONDS:
                    logger.warning("the clock was set back by %.0f s", before - offset)
                    await self.renew_delayed_tickets()
                if time.monotonic() >= next_round_at:
                    next_round_at = time.monotonic() + interval_seconds
                    rounds += 1
                    await self.reconcile()
                    if rounds % UNDELIVERED_ROUNDS == 0:
                        await self.renew_undeliverable_tickets()
            except Exception:
                logger.exception("could not reconcile tickets; the next try follows soon")

    def _clock_offset(self) -> float:
        """Return by how much the wall clock is ahead of the steady clock, in seconds."""
        return self._clock().timestamp() - time.monotonic()

    async def renew_delayed_tickets(self) -> list[str]:
        """Replace the tickets of queued jobs that wait for another attempt. Return the ids of the jobs.

        A job that waits for its first attempt waits for a time of the wall clock, whatever that says now.
        """
        return await self._renew_tickets(
            timedelta(0), lambda job: job.not_before is not None and job.attempt > 0
        )

    async def renew_undeliverable_tickets(self) -> list[str]:
        """Replace the tickets of queued jobs that are not delivered any more. Return the ids of the jobs."""
        suspects = await self._issuer.undeliverable()
        if not suspects:
            return []
        renewed = await self._renew_tickets(
            timedelta(seconds=UNDELIVERED_SECONDS), lambda job: job.id in suspects
        )
        if renewed:
            logger.warning("replaced %s not delivered any more", counted(len(renewed), "ticket"))
        return renewed

    async def _renew_tickets(self, unchanged: timedelta, concerns: Callable[[Job], bool]) -> list[str]:
        now = self._clock()
        renew, renewed = partial(self._renew, concerns=concerns), list[str]()
        async for page in self._unfinished(now - unchanged, now):
            queued = [job.id for job in page if not job.running]
            was_renewed = await _concurrently(renew, queued)
            renewed += [job_id for job_id, done in zip(queued, was_renewed, strict=True) if done]
        return renewed

    async def _renew(self, job_id: str, concerns: Callable[[Job], bool]) -> bool:
        loaded = await self._store.load(job_id)
        if loaded is None or loaded.job.status is not Status.QUEUED or not concerns(loaded.job):
            return False
        if loaded.job.paused_at is not None:
            return False
        await self._issuer.withdraw(job_id)
        ticket = ticket_of(loaded.job, loaded.position)
        if self._clock() < loaded.job.updated_at:  # a worker measures the pause
            ticket = replace(ticket, not_before=None)
        await self._issuer.issue(ticket)
        return True

    async def restore_streams(self) -> list[str]:
        """Create missing streams of the queue. If there was one, issue all tickets. Return the jobs of the tickets."""
        created = await self._create_missing_streams()
        if created:
            logger.error("created %s, which was missing: queued jobs get their tickets", ", ".join(created))
        return await self._reconcile(timedelta(0), queued_only=True) if created else []

    async def reconcile(self) -> list[str]:
        """Issue the missing tickets of jobs that were not changed for a while. Return the ids of the jobs."""
        return await self._reconcile(timedelta(seconds=self._overdue_seconds))

    async def _reconcile(self, unchanged: timedelta, *, queued_only: bool = False) -> list[str]:
        """`queued_only` leaves running jobs alone: a registry that is new does not know their workers yet."""
        now = self._clock()
        outstanding: dict[str, Ticket] | None = None
        in_progress: set[str] = set()
        reissued: list[str] = []
        async for overdue in self._unfinished(now - unchanged, now):
            if outstanding is None:
                outstanding = await self._issuer.outstanding()
                present = await self._workers.present_workers()
                in_progress = {job_id for report in present for job_id in report.job_ids}
            suspects = [
                job.id
                for job in overdue
                if (job.running and not queued_only and job.id not in in_progress)
                or (not job.running and job.id not in outstanding)
            ]
            issue = partial(self._issue, in_progress=in_progress, outstanding=outstanding)
            was_issued = await _concurrently(issue, suspects)
            reissued += [job_id for job_id, done in zip(suspects, was_issued, strict=True) if done]
        if reissued:
            logger.warning(
                "issued %s again, for example of job %s",
                counted(len(reissued), "missing ticket"),
                reissued[0],
            )
            self.reissued += len(reissued)
        return reissued

    async def _issue(self, job_id: str, in_progress: set[str], outstanding: Mapping[str, Ticket]) -> bool:
        """Issue the ticket of a job. Return whether there was no such ticket."""
        loaded = await self._store.load(job_id)
        if loaded is None or not needs_ticket(loaded.job, in_progress):
            return False
        ticket, known = ticket_of(loaded.job, loaded.position), outstanding.get(job_id)
        if known is not None and known.position >= ticket.position:
            return False
        await self._issuer.issue(ticket, first=known is None)
        return True


async def _concurrently(change: Callable[[str], Awaitable[bool]], job_ids: Sequence[str]) -> list[bool]:
    """Apply a change to jobs, a limited number at a time. Return what each did."""
    limit = asyncio.Semaphore(MAX_CONCURRENT)

    async def limited(job_id: str) -> bool:
        async with limit:
            return await change(job_id)

    return await asyncio.gather(*map(limited, job_ids))


def needs_ticket(job: Job, in_progress: set[str]) -> bool:
    """Return whether a job without a ticket should have one. `in_progress` are the jobs that present workers report.

    A paused job has none while it is queued.
    """
    match job.status:
        case Status.QUEUED:
            return job.paused_at is None
        case Status.PROCESSING:
            return job.id not in in_progress
        case _:
            return False
