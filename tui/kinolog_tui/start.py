"""Starts the dashboard: the terminal is asked what it can show while the dashboard is still being loaded."""

from __future__ import annotations

import asyncio
import gc
import signal
from typing import TYPE_CHECKING

from kinolog_tui.graphics.capabilities import CapabilityQuery

if TYPE_CHECKING:  # loaded while the terminal answers
    from kinolog_tui.app import KinologApp

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end it as leaving does: the terminal as it was, nothing left behind. SIGHUP: the terminal is gone."""


def run(url: str, api_key: str | None = None) -> None:
    """Run it until the person leaves."""
    question = CapabilityQuery()
    try:
        from kinolog_tui.app import KinologApp
    finally:
        abilities = question.answer()
    _collect_seldom()
    asyncio.run(_until_it_ends(KinologApp(url, api_key, abilities=abilities)))


async def _until_it_ends(app: KinologApp) -> None:
    for ending in ENDINGS:
        asyncio.get_running_loop().add_signal_handler(ending, app.exit)
    await app.run_async()


def _collect_seldom() -> None:
    """Look for garbage less often, and not in what stays: such a look holds a key up for a tenth of a second."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
