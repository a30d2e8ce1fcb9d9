"""Channels and positions of live updates: what to send to resume where a connection broke off. Pure."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

POSITION_AHEAD = "POSITION_AHEAD"
"""Reason of the error for a position beyond the end of the log: the log was replaced."""
API_UNAVAILABLE = "API_UNAVAILABLE"
"""Reason of the error of a gateway that itself gets no updates: its connections live, and bring nothing."""
_POSITIONED = frozenset(
    {"job_status_update", "job_completed", "job_failed", "job_cancelled", "job_preview", "queue_updated"}
)


class LiveSession:
    """Outlives its connections. After a lost one it subscribes again after the greatest position received."""

    def __init__(self, position: int | None = None) -> None:
        self.position = position
        """The greatest position received. None before the first."""
        self._channels: dict[str, None] = {}
        self._sequences: dict[str, int] = {}
        self._outgoing: list[str] = []
        self._connected = False
        self._ping_ids = count(1)

    def subscribe(self, channel: str, sequence: int | None = None) -> None:
        """Add a channel. For `logs:<id>`, `sequence` is that of the last known line."""
        self._channels[channel] = None
        if sequence is not None:
            self._sequences[channel] = sequence
        if self._connected:
            self._enqueue_subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        """Remove a channel."""
        self._channels.pop(channel, None)
        self._sequences.pop(channel, None)
        if self._connected:
            self._enqueue(type="unsubscribe", channel=channel)

    def sequence(self, channel: str) -> int | None:
        """Return the greatest sequence of the lines of a `logs:<id>` channel. None before the first."""
        return self._sequences.get(channel)

    def advance(self, position: int) -> None:
        """Note that every commit up to a position is known."""
        self.position = position if self.position is None else max(self.position, position)

    def advance_log(self, channel: str, sequence: int) -> None:
        """Note that the lines up to a sequence are known."""
        self._sequences[channel] = max(self._sequences.get(channel, 0), sequence)

    def on_connected(self) -> None:
        """Begin a connection: subscribe to the channels, and ping, so that a connection that works answers."""
        self._connected = True
        self._outgoing.clear()
        for channel in self._channels:
            self._enqueue_subscribe(channel)
        self.ping()

    def on_disconnected(self) -> None:
        """End a connection."""
        self._connected = False
        self._outgoing.clear()

    def ping(self) -> None:
        """Queue a ping."""
        self._enqueue(type="ping", id=str(next(self._ping_ids)))

    def take_outgoing(self) -> list[str]:
        """Return the messages to send, once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def on_text(self, text: str | bytes) -> dict[str, Any] | None:
        """Note the position of a received message and return it. None for pongs and texts that are no message."""
        try:
            message = json.loads(text)
        except ValueError:
            return None
        if not isinstance(message, dict) or message.get("type") == "pong":
            return None
        data = message.get("data")
        facts = data if isinstance(data, dict) else {}
        kind, position = str(message.get("type")), message.get("position")
        if kind == "error" and facts.get("reason") == POSITION_AHEAD:
            self._subscribe_without_position(facts.get("channel"))
        elif kind in _POSITIONED and isinstance(position, int):
            self.advance(position)
        elif kind == "job_log_entry" and isinstance(facts.get("sequence"), int):
            channel = f"logs:{message.get('job_id')}"
            if channel in self._channels:
                self.advance_log(channel, facts["sequence"])
        return message

    def _subscribe_without_position(self, channel: str | None) -> None:
        """Forget the position, because the log was replaced, and subscribe to new updates."""
        self.position = None
        if channel in self._channels:
            self._enqueue_subscribe(channel)

    def _enqueue_subscribe(self, channel: str) -> None:
        after = self._sequences.get(channel) if channel.startswith("logs:") else self.position
        self._enqueue(type="subscribe", channel=channel, **({} if after is None else {"after": after}))

    def _enqueue(self, **message: Any) -> None:
        self._outgoing.append(json.dumps(message))


def pause_cause(message: dict[str, Any] | None) -> str:
    """Return why the gateway has no updates for now, if a message says so; else an empty text."""
    data = message.get("data") if message is not None and message.get("type") == "error" else None
    if not isinstance(data, dict) or data.get("reason") != API_UNAVAILABLE:
        return ""
    return str(data.get("message") or "the gateway has no updates for now")
