"""Starts the dashboard. The terminal's capabilities are queried while the dashboard is imported."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog_tui.graphics.capabilities import CapabilityQuery

if TYPE_CHECKING:  # imported while the terminal responds
    from kinolog_tui.app import KinologApp

QUIT_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""They quit the dashboard cleanly: terminal restored, temporary files deleted. SIGHUP: the terminal is gone."""


def run(url: str, api_key: str | None = None) -> None:
    """Run the dashboard until the person quits."""
    query = CapabilityQuery()
    try:
        from kinolog_tui.app import KinologApp
    finally:
        capabilities = query.result()
    collect_garbage_rarely(CollectionRate.SCREENS)  # a full collection delays a key by a tenth of a second
    asyncio.run(_run_until_signal(KinologApp(url, api_key, capabilities=capabilities)))


async def _run_until_signal(app: KinologApp) -> None:
    for number in QUIT_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, app.exit)
    await app.run_async()
