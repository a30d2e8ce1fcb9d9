"""Port: notifications of a job's commits as they are stored."""

from __future__ import annotations

from typing import Protocol


class CommitSubscription(Protocol):
    """Receives the positions of a job's commits. It may miss some: a caller that needs all reads the log too."""

    async def next_position(self, timeout_seconds: float) -> int | None:
        """Return the position of the next commit; None after the timeout."""
        ...

    async def close(self) -> None:
        """Unsubscribe. Never raises."""
        ...


class CommitNotifier(Protocol):
    """Subscribes to the commits of jobs."""

    async def subscribe(self, job_id: str) -> CommitSubscription:
        """Subscribe to the commits of a job from now on. Raises `LogUnavailable`."""
        ...
