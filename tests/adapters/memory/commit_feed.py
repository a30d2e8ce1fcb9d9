"""Commits of any log for one reader in this process, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from kinolog.job.commit import Recorded
from kinolog.ports.event_store import EventStore


class MemoryCommitFeed:
    """Follows a log. Its position ends with the process."""

    def __init__(self, store: EventStore, after: int = 0) -> None:
        self._batches: AsyncIterator[Sequence[Recorded]] = store.follow(after)

    async def take(self) -> Sequence[Recorded]:
        return await anext(self._batches)

    async def acknowledge(self, batch: Sequence[Recorded]) -> None:
        """Do nothing: no commit comes again."""

    async def close(self) -> None:
        """Do nothing: the feed holds nothing."""
