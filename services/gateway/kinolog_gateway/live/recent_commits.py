"""The last commits of the shared stream, for clients that reconnect after a short time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from kinolog_gateway.live.outgoing_message import OutgoingMessage

SIZE = 2_000
"""Commits that are remembered at most."""


class RecentCommits:
    """Every commit of the tenant after `floor` up to the stream's position, oldest first."""

    def __init__(self) -> None:
        self._commits: deque[OutgoingMessage] = deque()
        self.floor: int | None = None
        """Position after which the commits are complete; None until it is known."""

    def clear(self, floor: int | None) -> None:
        """Drop all commits and start after `floor`."""
        self._commits.clear()
        self.floor = floor

    def add(self, commit: OutgoingMessage) -> None:
        """Add the newest commit. Drop the oldest if there are more than `SIZE`."""
        self._commits.append(commit)
        if len(self._commits) > SIZE:
            self.floor = self._commits.popleft().position

    def forget(self, job_id: str) -> None:
        """Drop the commits of an erased job, which show its texts, and with them all that are older.

        Clients that resume before them catch up from the api.
        """
        last = max((commit.position for commit in self._commits if commit.job_id == job_id), default=0)
        while self._commits and self._commits[0].position <= last:
            self.floor = self._commits.popleft().position

    def covers(self, after: int) -> bool:
        """Return whether every commit after this position is here."""
        return self.floor is not None and after >= self.floor

    def after(self, position: int) -> Iterator[OutgoingMessage]:
        """Return the commits after this position."""
        return (commit for commit in self._commits if commit.position > position)
