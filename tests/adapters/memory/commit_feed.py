"""Commits of any log for one reader in this process: for tests and for trying things out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from kinolog.job.commit import Recorded
from kinolog.ports.event_store import EventStore


class MemoryCommitFeed:
    """Follows a log; its place is forgotten with the process."""

    def __init__(self, store: EventStore, after: int = 0) -> None:
        self._batches: AsyncIterator[Sequence[Recorded]] = store.follow(after)

    async def take(self) -> Sequence[Recorded]:
        return await anext(self._batches)

    async def acknowledge(self, batch: Sequence[Recorded]) -> None:
        """Nothing comes again here, so there is nothing to remember."""

    async def close(self) -> None:
        """Nothing is held."""
