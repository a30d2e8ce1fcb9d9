"""The facts about API keys in memory, and their last uses, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime

from kinolog.access.api_key import AccessCommit, RecordedAccessCommit
from kinolog.codec.access import decode_access_commit, encode_access_commit
from kinolog.codec.commits import DamagedCommit
from kinolog.ports.event_store import AppendConflict, DamagedLog


class MemoryAccessLog:
    """Stores encoded commits in a list."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self._tails: dict[str, int] = {}
        self._appended = asyncio.Condition()

    async def append(self, commit: AccessCommit) -> int:
        raw = encode_access_commit(commit).raw
        tail = self._tails.get(commit.key_id, 0)
        if tail < commit.previous_position:
            raise DamagedLog(f"the tail of key {commit.key_id} is {tail}, not {commit.previous_position}")
        if tail > commit.previous_position:
            if self.stored[tail - 1] == raw:
                return tail
            raise AppendConflict(f"the last commit about key {commit.key_id} is at {tail}")
        self.stored.append(raw)
        self._tails[commit.key_id] = len(self.stored)
        async with self._appended:
            self._appended.notify_all()
        return len(self.stored)

    async def read(self, after: int) -> AsyncGenerator[Sequence[RecordedAccessCommit], None]:
        if after > len(self.stored):
            raise DamagedLog(f"the log ends at {len(self.stored)}, before {after}")
        for position in range(after + 1, len(self.stored) + 1):
            try:
                yield [decode_access_commit(position, self.stored[position - 1])]
            except DamagedCommit as error:
                raise DamagedLog(f"position {position}: {error}") from error

    async def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedAccessCommit], None]:
        while True:
            async for batch in self.read(after):
                yield batch
                after = batch[-1].position
            async with self._appended:
                while len(self.stored) <= after:
                    await self._appended.wait()

    async def refill(self, after: int, raws: Sequence[bytes]) -> None:
        if after != len(self.stored):
            raise DamagedLog(f"the log ends at {len(self.stored)}, not at {after}")
        for raw in raws:
            self.stored.append(raw)
            key_id = decode_access_commit(len(self.stored), raw).commit.key_id
            self._tails[key_id] = len(self.stored)


class LateAccessLog(MemoryAccessLog):
    """A log that followers hear nothing of before it has so many commits. It starts with those of another log."""

    def __init__(self, log: MemoryAccessLog, commits: int) -> None:
        super().__init__()
        self.stored, self._tails, self._appended = log.stored, log._tails, log._appended
        self._commits = commits

    async def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedAccessCommit], None]:
        async with self._appended:
            await self._appended.wait_for(lambda: len(self.stored) >= self._commits)
        async for batch in super().follow(after):
            yield batch


class MemoryKeyUses:
    """Stores the last use of each key."""

    def __init__(self) -> None:
        self.uses: dict[str, datetime] = {}

    async def note(self, key_id: str, at: datetime) -> None:
        self.uses[key_id] = at

    async def last_uses(self) -> Mapping[str, datetime]:
        return self.uses
