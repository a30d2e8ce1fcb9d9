"""Notes when API keys are used: at most once a minute for each, and never while a call waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from kinolog.access.access_log import KeyUses
from kinolog.connections.recent_entries import RecentEntries
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.tasks import BackgroundTasks

PAUSE_SECONDS = 60.0
"""Uses of a key within this time are one use."""
REMEMBERED_KEYS = 10_000


class KeyUseRecorder:
    """Notes uses in the background. A note that fails is left out."""

    def __init__(self, uses: KeyUses, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._uses = uses
        self._clock = clock
        self._monotonic = monotonic
        self._noted = RecentEntries[str, float](REMEMBERED_KEYS)
        self._notes = BackgroundTasks()

    def on_use(self, key_id: str) -> None:
        """Note a use, unless one was noted a moment ago."""
        now = self._monotonic()
        if now - self._noted.get(key_id, -PAUSE_SECONDS) >= PAUSE_SECONDS:
            self._noted[key_id] = now
            self._notes.start(self._note(key_id))

    async def close(self) -> None:
        """Wait for the notes that have started."""
        await self._notes.ended()

    async def _note(self, key_id: str) -> None:
        with suppress(LogUnavailable):
            await self._uses.note(key_id, self._clock())
