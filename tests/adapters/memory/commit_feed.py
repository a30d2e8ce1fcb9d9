"""Commits of any log for readers in this process, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from weakref import WeakKeyDictionary

from kinolog.job.commit import RecordedCommit
from kinolog.ports.commit_feed import FeedProgress
from kinolog.ports.event_store import EventStore

_acknowledged: WeakKeyDictionary[EventStore, dict[str, set[int]]] = WeakKeyDictionary()
"""Positions of acknowledged commits by log and reader: a log keeps them for its readers."""


class MemoryCommitFeed:
    """Commits for the reader `name`, each at least once."""

    def __init__(self, store: EventStore, name: str = "reader") -> None:
        self._store = store
        self._acknowledged = _acknowledged.setdefault(store, {}).setdefault(name, set())
        self._batches: AsyncIterator[Sequence[RecordedCommit]] = store.follow(0)

    async def take(self) -> Sequence[RecordedCommit]:
        batch: list[RecordedCommit] = []
        while not batch:
            following = await anext(self._batches)
            batch = [recorded for recorded in following if recorded.position not in self._acknowledged]
        return batch

    async def acknowledge(self, batch: Sequence[RecordedCommit]) -> None:
        self._acknowledged.update(recorded.position for recorded in batch)

    async def progress(self) -> FeedProgress:
        last = await self._store.last_position()
        unread = [position for position in range(1, last + 1) if position not in self._acknowledged]
        return FeedProgress(unread[0] - 1 if unread else last, len(unread))

    async def close(self) -> None:
        """Do nothing: the feed holds nothing."""
