"""Deals with tickets that reached the maximum number of deliveries, so that no job is stuck.

Such a ticket is not delivered again. Its job gets a new one: attempts are counted in the log, and a job without an
attempt may have met an outage, which is no fault of the job. Only a job that no worker could start in several rounds
of deliveries is given up.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial

from kinolog.command_handler import CommandHandler
from kinolog.counts import counted
from kinolog.job.commands import GiveUp
from kinolog.job.decide import Refused
from kinolog.job.state import Job
from kinolog.job.values import JobError, Status
from kinolog.ports.advisories import AdvisoryFeed, ExhaustedTicket
from kinolog.ports.event_store import EventStore
from kinolog.ports.tickets import TicketIssuer
from kinolog.ports.workers import WorkerRegistry
from kinolog.process.log_retry import retry_until_log_available
from kinolog_projector.dispatch.rules import ticket_of

logger = logging.getLogger(__name__)

ACTOR = "projector"
POISONED = "POISONED"
MAX_ROUNDS = 3
"""How many tickets of a job may be exhausted without an attempt before the job is given up."""


class PoisonTicketHandler:
    """Handles advisories about exhausted tickets: issues new ones, and gives up jobs that no worker can start."""

    def __init__(
        self,
        feed: AdvisoryFeed,
        store: EventStore,
        handler: CommandHandler,
        issuer: TicketIssuer,
        workers: WorkerRegistry,
        max_rounds: int = MAX_ROUNDS,
    ) -> None:
        self._feed = feed
        self._store = store
        self._handler = handler
        self._issuer = issuer
        self._workers = workers
        self._max_rounds = max_rounds
        self._rounds: Counter[str] = Counter()
        """Exhausted tickets without an attempt by job."""
        self.given_up = 0
        """Jobs given up since this process started."""
        self.reissued = 0
        """Tickets issued again since this process started."""

    async def run(self) -> None:
        """Handle advisories until cancelled."""
        while True:
            exhausted = await retry_until_log_available(self._feed.take, "the handler of poison tickets")
            try:
                handled = await retry_until_log_available(
                    partial(self.handle, exhausted), "the handler of poison tickets"
                )
            except Exception:  # one job whose history cannot be read must not stop the others
                logger.exception("the exhausted ticket of job %s comes again", exhausted.ticket.job_id)
                continue
            if handled:
                await self._feed.acknowledge(exhausted)

    async def handle(self, exhausted: ExhaustedTicket) -> bool:
        """Issue a new ticket, or give the job up if it was never started. Withdraw that of an ended or paused job.

        Return False, and do nothing, while a present worker reports the job: the advisory must be redelivered.
        """
        ticket = exhausted.ticket
        if ticket.prefetch:
            logger.error("gave up the prefetch of job %s", ticket.job_id)
            return True
        loaded = await self._store.load(ticket.job_id)
        if loaded is not None and await self._is_in_progress(loaded.job):
            return False
        if loaded is None or loaded.job.status.terminal or _waits_paused(loaded.job):
            await self._issuer.withdraw(ticket.job_id)
        elif self._is_poisoned(loaded.job):
            await self._give_up(exhausted)
            await self._issuer.withdraw(ticket.job_id)
        else:
            await self._issuer.withdraw(ticket.job_id)
            await self._issuer.issue(ticket_of(loaded.job, loaded.position))
            self.reissued += 1
            logger.warning("issued the exhausted ticket of job %s again", ticket.job_id)
        return True

    def _is_poisoned(self, job: Job) -> bool:
        """Count an exhausted ticket. Return whether the job has had too many without an attempt."""
        if job.status is not Status.QUEUED:
            return False  # the next worker ends the lost attempt, and attempts are limited
        self._rounds[job.id] += 1
        if self._rounds[job.id] < self._max_rounds:
            return False
        del self._rounds[job.id]
        return True

    async def _is_in_progress(self, job: Job) -> bool:
        if job.status is not Status.PROCESSING:
            return False
        return any(job.id in report.job_ids for report in await self._workers.present_workers())

    async def _give_up(self, exhausted: ExhaustedTicket) -> None:
        job_id = exhausted.ticket.job_id
        message = (
            f"the job was delivered to workers {self._max_rounds * exhausted.deliveries} times and none could "
            "start it; retry it when the workers are healthy"
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
            logger.error(
                "gave up job %s after %s", job_id, counted(exhausted.deliveries, "delivery", "deliveries")
            )
            self.given_up += 1


def _waits_paused(job: Job) -> bool:
    return job.status is Status.QUEUED and job.paused_at is not None
