"""Port: the commits of the log for a reader whose position the log stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kinolog.job.commit import RecordedCommit


@dataclass(frozen=True, slots=True)
class FeedProgress:
    """How far the readers of a feed are: they have acknowledged all up to `position`, and `waiting` commits follow."""

    position: int
    waiting: int


class CommitFeed(Protocol):
    """Yields every commit at least once, from the first on. Commits that are not acknowledged come again."""

    async def take(self) -> Sequence[RecordedCommit]:
        """Return the next commits, at least one, oldest first. Waits without a timeout. Raises `DamagedLog`."""
        ...

    async def acknowledge(self, batch: Sequence[RecordedCommit]) -> None:
        """Acknowledge commits. Never raises: a commit whose acknowledgement is lost comes again."""
        ...

    async def progress(self) -> FeedProgress:
        """Return how far all readers of this name are together. Raises `LogUnavailable`."""
        ...

    async def close(self) -> None:
        """Stop reading. Commits that are not acknowledged come again, to the next reader."""
        ...
