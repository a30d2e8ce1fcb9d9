"""The bytes of a log in memory, for tests."""

from __future__ import annotations

from kinolog.ports.raw_log import LogExtent, RawCommit
from tests.adapters.memory.event_store import MemoryEventStore


class MemoryRawLog:
    """Reads a memory log. Positions in `lost` cannot be read; `replaced` holds other messages than the log."""

    def __init__(self, store: MemoryEventStore) -> None:
        self._store = store
        self.lost: set[int] = set()
        self.replaced: dict[int, RawCommit] = {}

    async def extent(self) -> LogExtent:
        last = await self._store.last_position()
        return LogExtent(min(1, last), last, last)

    async def stored(self, after: int, until: int) -> dict[int, RawCommit]:
        found = {
            recorded.position: RawCommit(recorded.position, recorded.commit.job_id, recorded.raw)
            async for batch in self._store.read(min(after, await self._store.last_position()), until)
            for recorded in batch
            if recorded.position not in self.lost
        }
        return found | {p: commit for p, commit in self.replaced.items() if after < p <= until}
