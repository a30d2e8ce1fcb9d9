"""Port: the stream of facts about API keys, and when each was last used, which is no fact."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from kinolog.access.api_key import AccessCommit, RecordedAccessCommit


class AccessLog(Protocol):
    """Commits about API keys: append-only, one total order, optimistic concurrency per key.

    Positions start at 1 and are contiguous. Every adapter passes tests/contract/test_access_log.py.
    """

    async def append(self, commit: AccessCommit) -> int:
        """Store a commit after `commit.previous_position` of its key. Return its position.

        Storing the same commit again returns the position of the first. Raises `AppendConflict` if another commit
        follows that position, `LogUnavailable` without an answer, `DamagedLog` if the key's history ends before it.
        """
        ...

    def read(self, after: int) -> AsyncGenerator[Sequence[RecordedAccessCommit], None]:
        """Yield the commits after `after` in batches, up to the last one now. Raises `DamagedLog`, `LogUnavailable`."""
        ...

    def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedAccessCommit], None]:
        """Yield the commits after `after` in batches, without end and across reconnects. Raises `DamagedLog`.

        Close it (`aclosing`) to stop following.
        """
        ...


class KeyUses(Protocol):
    """The last use of each API key. Every adapter passes tests/contract/test_access_log.py."""

    async def note(self, key_id: str, at: datetime) -> None:
        """Note a use. A note may be lost. Raises `LogUnavailable`."""
        ...

    async def last_uses(self) -> Mapping[str, datetime]:
        """Return the last use of every key that has one, by id. Raises `LogUnavailable`."""
        ...
