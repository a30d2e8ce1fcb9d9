"""Runs dispatcher, reconciler and handler of poison tickets together."""

from __future__ import annotations

import asyncio

from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.reconciler import INTERVAL_SECONDS, Reconciler


async def run_dispatch(
    dispatcher: Dispatcher,
    reconciler: Reconciler,
    poison_tickets: PoisonTicketHandler,
    reconcile_seconds: float = INTERVAL_SECONDS,
) -> None:
    """Apply the log to the ticket queue until cancelled. Raises an ExceptionGroup if one of the tasks fails."""
    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher.run(), name="dispatcher")
        group.create_task(reconciler.run(reconcile_seconds), name="reconciler")
        group.create_task(poison_tickets.run(), name="poison tickets")
