"""The messages of the status line: which one is shown, and for how long. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = {"information": 5.0, "warning": 10.0, "error": 10.0}
"""How long a message is shown, by its severity. An error is read before it is acted on."""
RANKS = {"information": 0, "warning": 1, "error": 2}
MOST_STORED = 50


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """A text with a title and one of Textual's severities."""

    text: str
    title: str = ""
    severity: str = "information"

    @property
    def line(self) -> str:
        """The message as one paragraph."""
        words = " ".join(self.text.split())
        return f"{self.title}: {words}" if self.title else words


class StatusMessages:
    """The latest messages. Of those whose time is not over, the most severe is shown; of these, the newest."""

    def __init__(self) -> None:
        self.latest: list[StatusMessage] = []
        """Messages in the order of their arrival, shown or not."""
        self._shown_until: list[tuple[float, StatusMessage]] = []

    def add(self, message: StatusMessage, now: float, seconds: float | None = None) -> float:
        """Add a message at the monotonic time `now`. Return the time until which it is shown."""
        self.latest = [*self.latest[1 - MOST_STORED :], message]
        ends = now + (SECONDS[message.severity] if seconds is None else seconds)
        self._shown_until.append((ends, message))
        return ends

    def current(self, now: float) -> StatusMessage | None:
        """Return the message to show at the time `now`; None if there is none."""
        self._shown_until = [(ends, message) for ends, message in self._shown_until if ends > now]
        found: StatusMessage | None = None
        for _, message in self._shown_until:
            if found is None or RANKS[message.severity] >= RANKS[found.severity]:
                found = message
        return found

    def clear(self) -> None:
        """Show none of them any more."""
        self._shown_until = []
