"""Port: the commits of the log for a reader whose position the log stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kinolog.job.commit import RecordedCommit


class CommitFeed(Protocol):
    """Yields every commit at least once, from the first on. Commits that are not acknowledged come again."""

    async def take(self) -> Sequence[RecordedCommit]:
        """Return the next commits, at least one, oldest first. Waits without a timeout. Raises `DamagedLog`."""
        ...

    async def acknowledge(self, batch: Sequence[RecordedCommit]) -> None:
        """Acknowledge commits. Never raises: a commit whose acknowledgement is lost comes again."""
        ...

    async def close(self) -> None:
        """Stop reading. Commits that are not acknowledged come again, to the next reader."""
        ...
