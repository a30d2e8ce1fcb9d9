"""Turns queued jobs into tickets, as their commits are stored."""

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
    Reaction,
    prefetch_ticket,
    ticket_changes,
    ticket_of,
)


class Dispatcher:
    """Reads the log from where it was left, and brings the queue into step with it.

    It needs neither Postgres nor the projection: jobs start while those are down. Commits may be read more than
    once, and by several reactors; the queue comes out the same.
    """

    def __init__(self, feed: CommitFeed, store: EventStore, office: TicketIssuer, clock: Clock) -> None:
        self._feed = feed
        self._store = store
        self._office = office
        self._clock = clock
        self.position = 0
        """Up to where the log was read since this process started; 0 before the first commit."""

    async def run(self) -> None:
        """React for ever. Raises `DamagedLog`."""
        while True:
            batch = await self._feed.take()
            await self.react(batch)
            await self._feed.acknowledge(batch)
            self.position = max(self.position, batch[-1].position)

    async def react(self, batch: Sequence[RecordedCommit]) -> None:
        """Bring the queue into step with these commits; waits while log or queue cannot be reached."""
        reactions = ticket_changes(batch, self._clock())
        await asyncio.gather(*map(self._persist, reactions))

    async def _persist(self, reaction: Reaction) -> None:
        await retry_until_log_available(partial(self._carry_out, reaction), "the reactor")

    async def _carry_out(self, reaction: Reaction) -> None:
        match reaction:
            case IssueFirstTicket(ticket=ticket):
                await self._office.issue(ticket, first=True)
            case CheckTicket(job_id=job_id):
                await self._look(job_id)
            case IssuePrefetchTicket(job_id=job_id):
                await self._warm_up(job_id)

    async def _look(self, job_id: str) -> None:
        loaded = await self._store.load(job_id)
        if loaded is None:
            return
        if loaded.job.status is Status.QUEUED:
            await self._office.issue(ticket_of(loaded.job, loaded.position))
        elif loaded.job.status.terminal:
            await self._office.withdraw(job_id)

    async def _warm_up(self, job_id: str) -> None:
        loaded = await self._store.load(job_id)
        if loaded is not None and loaded.job.status is Status.QUEUED and loaded.job.prefetch_requested:
            await self._office.issue(prefetch_ticket(loaded.job, loaded.position))
