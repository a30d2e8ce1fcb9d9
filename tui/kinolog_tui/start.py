"""Starts the dashboard: the terminal is asked what it can show while the dashboard is still being loaded."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog_tui.graphics.capabilities import CapabilityQuery

if TYPE_CHECKING:  # loaded while the terminal answers
    from kinolog_tui.app import KinologApp

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end it as leaving does: the terminal as it was, nothing left behind. SIGHUP: the terminal is gone."""


def run(url: str, api_key: str | None = None) -> None:
    """Run it until the person leaves."""
    query = CapabilityQuery()
    try:
        from kinolog_tui.app import KinologApp
    finally:
        capabilities = query.result()
    collect_garbage_rarely(CollectionRate.SCREENS)  # a full collection holds up a key by a tenth of a second
    asyncio.run(_until_it_ends(KinologApp(url, api_key, capabilities=capabilities)))


async def _until_it_ends(app: KinologApp) -> None:
    for ending in ENDINGS:
        asyncio.get_running_loop().add_signal_handler(ending, app.exit)
    await app.run_async()
