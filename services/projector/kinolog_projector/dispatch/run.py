"""Running the reactor's parts together."""

from __future__ import annotations

import asyncio

from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.poison_tickets import PoisonTicketHandler
from kinolog_projector.dispatch.reconciler import INTERVAL_SECONDS, Reconciler


async def run_dispatch(
    reactor: Dispatcher,
    reconciler: Reconciler,
    poison: PoisonTicketHandler,
    reconcile_seconds: float = INTERVAL_SECONDS,
) -> None:
    """Keep the queue in step with the log, for ever. Raises an ExceptionGroup when a part cannot go on."""
    async with asyncio.TaskGroup() as group:
        group.create_task(reactor.run(), name="reactor")
        group.create_task(reconciler.run(reconcile_seconds), name="reconciler")
        group.create_task(poison.run(), name="poison control")
