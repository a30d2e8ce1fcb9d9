"""Runs the parts of the dispatch together, and starts them again if they stand still."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kinolog.counts import counted
from kinolog.ports.commit_feed import CommitFeed
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.standstill import Standstill
from kinolog.process.tasks import end_tasks
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.fair_issuer import FairTicketIssuer
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.reconciler import INTERVAL_SECONDS, Reconciler
from kinolog_projector.dispatch.start_deadlines import StartDeadlines

logger = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
"""How often the progress of the dispatcher is read."""
STANDSTILL_SECONDS = 30.0
"""A dispatcher that has commits to read and acknowledges none for this long is started again."""


async def run_dispatch(
    dispatcher: Dispatcher,
    reconciler: Reconciler,
    poison_tickets: PoisonTicketHandler,
    issuer: FairTicketIssuer,
    deadlines: StartDeadlines,
    reconcile_seconds: float = INTERVAL_SECONDS,
) -> None:
    """Apply the log to the ticket queue until cancelled. Raises an ExceptionGroup if one of the tasks fails."""
    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher.run(), name="dispatcher")
        group.create_task(reconciler.run(reconcile_seconds), name="reconciler")
        group.create_task(poison_tickets.run(), name="poison tickets")
        group.create_task(issuer.run(), name="deferred tickets")
        group.create_task(deadlines.run(), name="start deadlines")


class GuardedDispatch:
    """A dispatch that is started again when it stands still. `dispatch` runs until cancelled."""

    def __init__(
        self,
        dispatch: Callable[[], Awaitable[None]],
        feed: CommitFeed,
        limit_seconds: float = STANDSTILL_SECONDS,
    ) -> None:
        self._dispatch = dispatch
        self._feed = feed
        self._standstill = Standstill(limit_seconds)
        self.restarts = 0
        """How often the dispatch was started again because it stood still."""
        self.problem = ""

    async def run(self) -> None:
        """Dispatch until cancelled. Raises what the dispatch raises."""
        while True:
            running = asyncio.create_task(_run(self._dispatch), name="dispatch of tickets")
            self._standstill.reset()
            try:
                while not (await asyncio.wait((running,), timeout=CHECK_SECONDS))[0]:
                    if await self._stands_still():
                        break
                else:
                    running.result()
                    return
            finally:
                await end_tasks((running,))
            self.restarts += 1

    def missing(self) -> list[str]:
        """Return why dispatch is not ready; empty when it is."""
        return [self.problem] if self.problem else []

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        return [
            Metric(
                name="kinolog_dispatch_restarts_total",
                value=self.restarts,
                help="Starts of the dispatch of tickets after it stood still.",
                kind="counter",
            )
        ]

    async def _stands_still(self) -> bool:
        """Compare the dispatcher with the log. While that cannot be read, nothing is known."""
        try:
            progress = await self._feed.progress()
        except LogUnavailable as unavailable:
            logger.debug("the progress of the dispatch cannot be read: %s", unavailable)
            return False
        stands = self._standstill.observe(progress.position, progress.position + progress.waiting)
        if stands:
            self.problem = (
                f"dispatch of tickets stands still at position {progress.position}, "
                f"before {counted(progress.waiting, 'commit')}"
            )
            logger.error("%s; starting it again", self.problem, extra=fields("standstill", part="dispatch"))
        elif not self._standstill.still_seconds:
            self.problem = ""
        return stands


async def _run(dispatch: Callable[[], Awaitable[None]]) -> None:
    await dispatch()
