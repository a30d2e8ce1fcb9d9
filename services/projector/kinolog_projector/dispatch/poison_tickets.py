"""Fails jobs whose tickets reached the maximum number of deliveries, so that no job is stuck."""

from __future__ import annotations

import logging
from functools import partial

from kinolog.command_handler import CommandHandler
from kinolog.job.commands import GiveUp
from kinolog.job.decide import Refused
from kinolog.job.state import Job
from kinolog.job.values import JobError, Status
from kinolog.ports.advisories import AdvisoryFeed, ExhaustedTicket
from kinolog.ports.event_store import EventStore
from kinolog.ports.tickets import TicketIssuer
from kinolog.ports.workers import WorkerRegistry
from kinolog.process.log_retry import retry_until_log_available

logger = logging.getLogger(__name__)

ACTOR = "projector"
POISONED = "POISONED"


class PoisonTicketHandler:
    """Handles advisories about exhausted tickets: gives up their jobs."""

    def __init__(
        self,
        feed: AdvisoryFeed,
        store: EventStore,
        handler: CommandHandler,
        issuer: TicketIssuer,
        workers: WorkerRegistry,
    ) -> None:
        self._feed = feed
        self._store = store
        self._handler = handler
        self._issuer = issuer
        self._workers = workers
        self.given_up = 0
        """Jobs given up since this process started."""

    async def run(self) -> None:
        """Handle advisories until cancelled."""
        while True:
            exhausted = await retry_until_log_available(self._feed.take, "the handler of poison tickets")
            if await retry_until_log_available(
                partial(self.handle, exhausted), "the handler of poison tickets"
            ):
                await self._feed.acknowledge(exhausted)

    async def handle(self, exhausted: ExhaustedTicket) -> bool:
        """Fail the job, unless it has ended, and withdraw its ticket.

        Return False, and do nothing, while a present worker reports the job: the advisory must be redelivered.
        """
        ticket = exhausted.ticket
        if ticket.prefetch:
            logger.error("gave up the prefetch of job %s", ticket.job_id)
            return True
        loaded = await self._store.load(ticket.job_id)
        if loaded is not None and await self._is_in_progress(loaded.job):
            return False
        if loaded is not None and not loaded.job.status.terminal:
            await self._give_up(exhausted)
        await self._issuer.withdraw(ticket.job_id)
        return True

    async def _is_in_progress(self, job: Job) -> bool:
        if job.status is not Status.PROCESSING:
            return False
        return any(report.job_id == job.id for report in await self._workers.present_workers())

    async def _give_up(self, exhausted: ExhaustedTicket) -> None:
        job_id = exhausted.ticket.job_id
        message = (
            f"the job was delivered to workers {exhausted.deliveries} times and none finished it; "
            "retry it when the workers are healthy"
        )
        command = GiveUp(
            id=f"give-up-{exhausted.id}",
            actor=ACTOR,
            error=JobError(code=POISONED, message=message, retryable=False),
        )
        try:
            handled = await self._handler.handle(job_id, command)
        except Refused as refused:
            logger.warning("job %s was not given up: %s", job_id, refused.message)
            return
        if handled.events:
            logger.error("gave up job %s after %d deliveries", job_id, exhausted.deliveries)
            self.given_up += 1
