"""Port: commits handed out one after the other, to a reader whose place the log remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kinolog.job.commit import Recorded


class CommitFeed(Protocol):
    """Every commit at least once, from the first on: what was not reported done comes again after a while."""

    async def take(self) -> Sequence[Recorded]:
        """The next commits, at least one, oldest first. Waits for ever. Raises `DamagedLog`."""
        ...

    async def acknowledge(self, batch: Sequence[Recorded]) -> None:
        """Report that these were dealt with. Never raises: those whose report gets lost come again."""
        ...

    async def close(self) -> None:
        """Stop reading; what was handed out and not reported comes again, to whoever reads next."""
        ...
