"""The last commits that the shared stream brought, for clients that were away for a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from kinolog_gateway.websocket.outgoing_message import OutgoingMessage

SIZE = 2_000


class RecentCommits:
    """Every commit of the tenant behind `floor`, as far as the stream has come, oldest first."""

    def __init__(self) -> None:
        self._commits: deque[OutgoingMessage] = deque()
        self.floor: int | None = None
        """None until it is known from where on the stream is complete."""

    def clear(self, floor: int | None) -> None:
        """Begin anew behind `floor`."""
        self._commits.clear()
        self.floor = floor

    def add(self, commit: OutgoingMessage) -> None:
        """Remember a commit; the oldest is forgotten when there are too many."""
        self._commits.append(commit)
        if len(self._commits) > SIZE:
            self.floor = self._commits.popleft().position

    def covers(self, after: int) -> bool:
        """True when nothing behind `after` is missing here."""
        return self.floor is not None and after >= self.floor

    def after(self, position: int) -> Iterator[OutgoingMessage]:
        """The commits behind `position`."""
        return (commit for commit in self._commits if commit.position > position)
