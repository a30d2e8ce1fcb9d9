"""Ends jobs whose tickets were handed out as often as they may be: such a job fails, and is never stuck."""

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
    """Takes advisories about exhausted tickets and gives their jobs up."""

    def __init__(
        self,
        feed: AdvisoryFeed,
        store: EventStore,
        handler: CommandHandler,
        office: TicketIssuer,
        workers: WorkerRegistry,
    ) -> None:
        self._feed = feed
        self._store = store
        self._handler = handler
        self._office = office
        self._workers = workers
        self.given_up = 0
        """Jobs given up since this process started."""

    async def run(self) -> None:
        """Deal with advisories for ever."""
        while True:
            exhausted = await retry_until_log_available(self._feed.take, "poison control")
            if await retry_until_log_available(partial(self.deal_with, exhausted), "poison control"):
                await self._feed.acknowledge(exhausted)

    async def deal_with(self, exhausted: ExhaustedTicket) -> bool:
        """End the job, unless it has ended, and remove its ticket.

        False when a worker that is there has the job in hand: the advisory is to come again.
        """
        ticket = exhausted.ticket
        if ticket.prefetch:
            logger.error("gave up warming up for job %s", ticket.job_id)
            return True
        loaded = await self._store.load(ticket.job_id)
        if loaded is not None and await self._is_in_hand(loaded.job):
            return False
        if loaded is not None and not loaded.job.status.terminal:
            await self._give_up(exhausted)
        await self._office.withdraw(ticket.job_id)
        return True

    async def _is_in_hand(self, job: Job) -> bool:
        if job.status is not Status.PROCESSING:
            return False
        return any(report.job_id == job.id for report in await self._workers.present_workers())

    async def _give_up(self, exhausted: ExhaustedTicket) -> None:
        job_id = exhausted.ticket.job_id
        message = (
            f"the job was handed to a worker {exhausted.deliveries} times and none brought it to an end; "
            "retry it once the workers are well"
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
            logger.error("gave up job %s: handed out %d times in vain", job_id, exhausted.deliveries)
            self.given_up += 1
