"""Issues and withdraws tickets as commits of jobs arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from kinolog.job.commit import RecordedCommit
from kinolog.job.values import Status
from kinolog.ports.clock import Clock
from kinolog.ports.commit_feed import CommitFeed
from kinolog.ports.event_store import EventStore
from kinolog.ports.tickets import TicketIssuer
from kinolog.process.log_retry import retry_until_log_available
from kinolog_projector.dispatch.rules import (
    CheckTicket,
    IssueFirstTicket,
    IssuePrefetchTicket,
    TicketChange,
    prefetch_ticket,
    ticket_changes,
    ticket_of,
)


class Dispatcher:
    """Reads the log from where the last dispatcher stopped, and applies its commits to the ticket queue.

    It needs neither Postgres nor the projection: jobs start while those are unavailable. Dispatching is idempotent:
    commits may be read more than once, and by several dispatchers.
    """

    def __init__(self, feed: CommitFeed, store: EventStore, issuer: TicketIssuer, clock: Clock) -> None:
        self._feed = feed
        self._store = store
        self._issuer = issuer
        self._clock = clock
        self.position = 0
        """The greatest position that this process has dispatched; 0 before the first."""

    async def run(self) -> None:
        """Dispatch commits until cancelled. Raises `DamagedLog`."""
        while True:
            batch = await self._feed.take()
            await self.dispatch(batch)
            await self._feed.acknowledge(batch)
            self.position = max(self.position, batch[-1].position)

    async def dispatch(self, batch: Sequence[RecordedCommit]) -> None:
        """Apply commits to the queue. Retries while the log or the queue is unavailable."""
        changes = ticket_changes(batch, self._clock())
        await asyncio.gather(*map(self._apply_with_retries, changes))

    async def _apply_with_retries(self, change: TicketChange) -> None:
        await retry_until_log_available(partial(self._apply, change), "the dispatcher")

    async def _apply(self, change: TicketChange) -> None:
        match change:
            case IssueFirstTicket(ticket=ticket):
                await self._issuer.issue(ticket, first=True)
            case CheckTicket(job_id=job_id):
                await self._check_ticket(job_id)
            case IssuePrefetchTicket(job_id=job_id):
                await self._issue_prefetch_ticket(job_id)

    async def _check_ticket(self, job_id: str) -> None:
        loaded = await self._store.load(job_id)
        if loaded is None:
            return
        is_queued = loaded.job.status is Status.QUEUED
        if is_queued and loaded.job.paused_at is None:
            await self._issuer.issue(ticket_of(loaded.job, loaded.position))
        elif is_queued or loaded.job.status.terminal:
            await self._issuer.withdraw(job_id)

    async def _issue_prefetch_ticket(self, job_id: str) -> None:
        loaded = await self._store.load(job_id)
        if loaded is not None and loaded.job.status is Status.QUEUED and loaded.job.prefetch_requested:
            await self._issuer.issue(prefetch_ticket(loaded.job, loaded.position))
