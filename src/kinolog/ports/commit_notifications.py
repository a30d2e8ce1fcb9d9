"""Port: hearing of a job's commits as they are stored."""

from __future__ import annotations

from typing import Protocol


class CommitSubscription(Protocol):
    """Rings for every commit of one job. It may miss some: who must know looks at the log from time to time."""

    async def next_position(self, timeout_seconds: float) -> int | None:
        """Position of the next commit, or None when it did not ring in time."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


class CommitNotifier(Protocol):
    """Hangs up bells."""

    async def subscribe(self, job_id: str) -> CommitSubscription:
        """A bell that rings from now on. Raises `LogUnavailable`."""
        ...
