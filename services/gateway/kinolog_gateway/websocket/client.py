"""One WebSocket client: its subscriptions, and which messages they let through.

A client that resumes from a position is sent what it missed first. Meanwhile what happens live is held for it, so
that commits reach it in order; on one connection no commit is sent twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kinolog_gateway.websocket import outgoing_message
from kinolog_gateway.websocket.channels import Channel
from kinolog_gateway.websocket.outgoing_message import MessageKind, OutgoingMessage
from kinolog_gateway.websocket.send_queue import SendQueue

if TYPE_CHECKING:
    from kinolog_gateway.websocket.hub import TenantBroadcast

MOST_SUBSCRIPTIONS = 1_000
MOST_HELD = 5_000
REMEMBERED_JOBS = 2_000


@dataclass(slots=True, eq=False)
class ChannelSubscription:
    """A channel that a client wants. Commits up to `floor`, and log lines up to `sequence`, it has or does not want."""

    channel: Channel
    floor: int = 0
    sequence: int = 0
    lines: list[OutgoingMessage] | None = None
    """The last log lines, which wait until the earlier ones are read; None when they go at once."""

    def wants(self, message: OutgoingMessage) -> bool:
        """True for a commit that belongs to the channel and lies behind what the client has."""
        if self.channel.kind == "job":
            return self.channel.job_id == message.job_id and message.position > self.floor
        return self.channel.kind == "jobs" and message.position > self.floor


class WebSocketClient:
    """What the hub hands to, and the socket talks to."""

    def __init__(self, hub: TenantBroadcast, outbox: SendQueue) -> None:
        self.hub = hub
        self.outbox = outbox
        self.subscriptions: dict[Channel, ChannelSubscription] = {}
        self.todo: asyncio.Queue[ChannelSubscription] = asyncio.Queue()
        """Subscriptions that need something read from the api before they are whole."""
        self.dismissed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        """Close code and reason, once the connection cannot go on."""
        self.mark = 0
        """What is held is complete behind this position."""
        self._held: deque[OutgoingMessage] | None = None
        self._holding: set[ChannelSubscription] = set()
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._last = 0

    @property
    def position(self) -> int:
        """Where this client may resume."""
        return self._last if self._held is not None else max(self._last, self.hub.now)

    def say(self, reason: str, message: str, channel: Channel | None = None) -> None:
        """Tell the client that something did not work."""
        self.outbox.put(
            outgoing_message.error(self.position, reason, message, str(channel) if channel else None)
        )

    def dismiss(self, code: int, words: str) -> None:
        """Let the connection be closed."""
        if not self.dismissed.done():
            self.dismissed.set_result((code, words))

    def subscribe(self, channel: Channel, after: int | None) -> None:
        """Begin to send what happens in a channel, behind `after` or from now on."""
        if channel not in self.subscriptions and len(self.subscriptions) >= MOST_SUBSCRIPTIONS:
            self.say(
                "TOO_MANY_SUBSCRIPTIONS", f"at most {MOST_SUBSCRIPTIONS:,} channels per connection", channel
            )
            return
        self.unsubscribe(channel)
        subscription = ChannelSubscription(channel, floor=self.hub.now if after is None else after)
        self.subscriptions[channel] = subscription
        self.hub.add(channel, self)
        self._last = self._last or subscription.floor
        match channel.kind:
            case "queue":
                self.hub.queue.welcome(self)
            case "logs":
                subscription.sequence = -1 if after is None else after
                subscription.lines = [line for line in self.hub.lines if line.job_id == channel.job_id]
                self.todo.put_nowait(subscription)
            case "job":
                if after is not None:
                    self._hold(subscription)
                self.todo.put_nowait(subscription)
            case "jobs":
                if after is not None and not self.replay(subscription):
                    self._hold(subscription)
                    self.todo.put_nowait(subscription)

    def unsubscribe(self, channel: Channel) -> None:
        """Send no more of a channel, not even what waits."""
        subscription = self.subscriptions.pop(channel, None)
        if subscription is None:
            return
        self.hub.remove(channel, self)
        self.release(subscription)
        self.outbox.forget(self._unwanted)

    def leave(self) -> None:
        """Take the client off the hub."""
        for channel in self.subscriptions:
            self.hub.remove(channel, self)
        self.subscriptions.clear()

    def replay(self, subscription: ChannelSubscription) -> bool:
        """Send what the subscription missed from the hub's last commits; False when they do not reach back far enough,
        or not forward to where the client was, or when something else is being caught up on."""
        ring = self.hub.ring
        others = self._holding - {subscription}
        if others or not ring.covers(subscription.floor) or subscription.floor > self.hub.now:
            return False
        for message in ring.after(subscription.floor):
            if subscription.wants(message):
                self.put(message)
        return True

    def offer_commit(self, message: OutgoingMessage) -> None:
        """From the hub: a commit in one of the channels."""
        if self._held is None:
            self.deliver(message)
            return
        if len(self._held) >= MOST_HELD:
            self._held.clear()
            self.mark = message.position - 1
        self._held.append(message)

    def offer_latest(self, message: OutgoingMessage) -> None:
        """From the hub: progress, a preview or counts, as of now."""
        if self._held is None:
            self.outbox.keep(message)

    def offer_line(self, message: OutgoingMessage) -> None:
        """From the hub: a log line."""
        subscription = self.subscriptions[Channel("logs", message.job_id)]
        if subscription.lines is not None:
            subscription.lines.append(message)
        else:
            self.put_line(subscription, message)

    def put_line(self, subscription: ChannelSubscription, message: OutgoingMessage) -> None:
        """Send a log line that the client does not have yet."""
        if message.sequence > subscription.sequence or not message.sequence:
            subscription.sequence = max(subscription.sequence, message.sequence)
            self.outbox.put(message)

    def deliver(self, message: OutgoingMessage) -> None:
        """Send a commit to whichever subscriptions want it."""
        if any(subscription.wants(message) for subscription in self._about(message)):
            self.put(message)

    def put(self, message: OutgoingMessage) -> None:
        """Send a commit, unless the client has it, or a later one of the job, from this connection."""
        if message.position <= self._seen.get(message.job_id, 0):
            return
        self._seen[message.job_id] = message.position
        self._seen.move_to_end(message.job_id)
        if len(self._seen) > REMEMBERED_JOBS:
            self._seen.popitem(last=False)
        self._last = message.position
        self.outbox.put(message)

    def _about(self, message: OutgoingMessage) -> list[ChannelSubscription]:
        channels = (Channel("jobs"), Channel("job", message.job_id))
        return [self.subscriptions[channel] for channel in channels if channel in self.subscriptions]

    def holds(self, subscription: ChannelSubscription) -> bool:
        """True when live commits are kept back for this subscription."""
        return subscription in self._holding

    def _hold(self, subscription: ChannelSubscription) -> None:
        """Keep back what happens live until the subscription is whole."""
        self._holding.add(subscription)
        if self._held is None:
            self._held = deque()
            self.mark = self.hub.position

    def release(self, subscription: ChannelSubscription) -> None:
        """The subscription is whole: once all are, send what was kept back."""
        self._holding.discard(subscription)
        if self._holding or self._held is None:
            return
        held, self._held = self._held, None
        for message in held:
            self.deliver(message)

    def _unwanted(self, message: OutgoingMessage) -> bool:
        if message.kind is MessageKind.QUEUE:
            return Channel("queue") not in self.subscriptions
        if message.kind is MessageKind.PREVIEW:
            return Channel("job", message.job_id) not in self.subscriptions
        return not self._about(message)
