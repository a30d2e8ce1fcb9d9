"""One client of the live updates: its subscriptions, and which messages they let through.

A client that resumes from a position first receives what it missed. Meanwhile live commits are held back, so that it
receives commits in order. No commit is sent twice on one connection.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kinolog_gateway.live import outgoing_message
from kinolog_gateway.live.channels import JOBS, QUEUE, Channel
from kinolog_gateway.live.outgoing_message import MessageKind, OutgoingMessage
from kinolog_gateway.live.send_queue import SendQueue

if TYPE_CHECKING:
    from kinolog_gateway.http.credentials import HttpCaller
    from kinolog_gateway.live.tenant_broadcast import TenantBroadcast

MAX_SUBSCRIPTIONS = 1_000
MAX_HELD = 5_000
"""Live commits that are held back at most; beyond that they are read from the api."""
REMEMBERED_JOBS = 2_000
"""Jobs whose last sent position is remembered."""


@dataclass(slots=True, eq=False)
class ChannelSubscription:
    """A channel of one client. It needs no commits up to `floor` and no log lines up to `sequence`."""

    channel: Channel
    floor: int = 0
    sequence: int = 0
    runs: bool = False
    """Whether its job was running when the client subscribed."""
    pending_lines: list[OutgoingMessage] | None = None
    """Live log lines that wait until earlier ones are read; None when lines are sent at once."""

    def wants(self, commit: OutgoingMessage) -> bool:
        """Return whether a commit belongs to the channel and comes after `floor`."""
        if self.channel.kind == "job":
            return self.channel.job_id == commit.job_id and commit.position > self.floor
        return self.channel.kind == "jobs" and commit.position > self.floor


class Subscriber:
    """Filters the tenant's broadcast by one client's subscriptions into its send queue."""

    def __init__(
        self, broadcast: TenantBroadcast, send_queue: SendQueue, caller: HttpCaller | None = None
    ) -> None:
        self.broadcast = broadcast
        self.caller = caller or broadcast.caller
        """Who it is. Clients of a broadcast have one tenant, and may have different keys."""
        self.send_queue = send_queue
        self.subscriptions: dict[Channel, ChannelSubscription] = {}
        self.catch_up_queue: asyncio.Queue[ChannelSubscription] = asyncio.Queue()
        """Subscriptions that need something read from the api."""
        self.close_requested: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        """Close code and reason, once the gateway ends the connection."""
        self._held: deque[OutgoingMessage] | None = None
        self._held_after: int | None = None
        self._holding: set[ChannelSubscription] = set()
        self._sent_positions: OrderedDict[str, int] = OrderedDict()

    @property
    def position(self) -> int:
        """Greatest position from which this client can resume without missing a commit."""
        broadcast = self.broadcast
        if self._held is not None:
            floor = min(subscription.floor for subscription in self._holding)
        else:
            floors = (s.floor for s in self.subscriptions.values() if s.channel.kind in ("job", "jobs"))
            floor = max(broadcast.position, min(floors, default=broadcast.log_end))
        return min(floor, broadcast.log_end)

    @property
    def held_after(self) -> int | None:
        """Position after which the held commits are complete; None while the broadcast does not know its own."""
        return self.broadcast.recent_commits.floor if self._held_after is None else self._held_after

    def send_error(self, reason: str, message: str, channel: Channel | None = None) -> None:
        """Queue an error message."""
        self.send_queue.put(outgoing_message.error(reason, message, str(channel) if channel else None))

    def request_close(self, code: int, reason: str) -> None:
        """Request that the connection is closed. The first code and reason count."""
        if not self.close_requested.done():
            self.close_requested.set_result((code, reason))

    def subscribe(self, channel: Channel, after: int | None) -> None:
        """Start sending a channel: everything after position `after`, or from now on."""
        if channel not in self.subscriptions and len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            self.send_error(
                "TOO_MANY_SUBSCRIPTIONS", f"at most {MAX_SUBSCRIPTIONS:,} channels per connection", channel
            )
            return
        self.unsubscribe(channel)
        floor = self.broadcast.log_end if after is None else after
        subscription = self.subscriptions[channel] = ChannelSubscription(channel, floor=floor)
        self.broadcast.add_subscriber(channel, self)
        self.broadcast.note_read(self.caller, channel)
        match channel.kind:
            case "queue":
                self.broadcast.queue_counts.on_subscribe(self)
            case "logs":
                subscription.sequence = -1 if after is None else after
                lines = self.broadcast.recent_lines
                subscription.pending_lines = [line for line in lines if line.job_id == channel.job_id]
                self.catch_up_queue.put_nowait(subscription)
            case "job":
                if after is not None:
                    self._hold(subscription)
                self.catch_up_queue.put_nowait(subscription)
            case "jobs":
                if after is not None and not self.replay(subscription):
                    self._hold(subscription)
                    self.catch_up_queue.put_nowait(subscription)

    def unsubscribe(self, channel: Channel) -> None:
        """Stop sending a channel, including its waiting progress, previews and counts."""
        subscription = self.subscriptions.pop(channel, None)
        if subscription is None:
            return
        self.broadcast.remove_subscriber(channel, self)
        self.release(subscription)
        self.send_queue.discard_latest(self._is_unwanted)

    def leave(self) -> None:
        """Remove all subscriptions from the broadcast."""
        for channel in self.subscriptions:
            self.broadcast.remove_subscriber(channel, self)
        self.subscriptions.clear()

    def catching_up(self) -> list[ChannelSubscription]:
        """Return the subscriptions for which live commits are held back, without those ahead of the log."""
        return [s for s in self._holding if s.floor <= self.broadcast.log_end]

    def replay(self, subscription: ChannelSubscription) -> bool:
        """Send what this and the other subscriptions missed from the broadcast's recent commits, and return True.

        Return False, having sent nothing, if those do not reach back far enough, or if the floor is ahead of the log.
        """
        recent = self.broadcast.recent_commits
        group = {subscription, *self.catching_up()}
        start = min(s.floor for s in group)
        if subscription.floor > self.broadcast.log_end or not recent.covers(start):
            return False
        for message in recent.after(start):
            self.send_if_wanted(message)
        for caught_up in group:
            caught_up.floor = max(caught_up.floor, self.broadcast.position)
        return True

    def on_commit(self, message: OutgoingMessage) -> None:
        """Take a live commit of a subscribed channel."""
        if self._held is None:
            self.send_if_wanted(message)
            return
        if len(self._held) >= MAX_HELD:
            self._held.clear()
            self._held_after = message.position - 1
        self._held.append(message)

    def on_latest(self, message: OutgoingMessage) -> None:
        """Take live progress or a live preview. Dropped while commits are held back: it would overtake them."""
        if self._held is None:
            self.send_queue.put_latest(message)

    def on_counts(self, message: OutgoingMessage) -> None:
        """Take job counts."""
        self.send_queue.put_latest(self._resumable(message))

    def on_line(self, message: OutgoingMessage) -> None:
        """Take a live log line of a subscribed job."""
        subscription = self.subscriptions[Channel("logs", message.job_id)]
        if subscription.pending_lines is not None:
            subscription.pending_lines.append(message)
        else:
            self.send_line(subscription, message)

    def send_line(self, subscription: ChannelSubscription, message: OutgoingMessage) -> None:
        """Queue a log line unless the client has it already."""
        if message.sequence > subscription.sequence or not message.sequence:
            subscription.sequence = max(subscription.sequence, message.sequence)
            self.send_queue.put(self._resumable(message))

    def send_if_wanted(self, message: OutgoingMessage) -> None:
        """Queue a commit if a subscription wants it."""
        if any(subscription.wants(message) for subscription in self._subscriptions_to(message.job_id)):
            self.send_commit(message)

    def send_commit(self, message: OutgoingMessage) -> None:
        """Queue a commit, unless this connection was already sent it or a later one of the job."""
        if message.position <= self._sent_positions.get(message.job_id, 0):
            return
        self._sent_positions[message.job_id] = message.position
        self._sent_positions.move_to_end(message.job_id)
        if len(self._sent_positions) > REMEMBERED_JOBS:
            self._sent_positions.popitem(last=False)
        self.send_queue.put(message)

    def is_holding(self, subscription: ChannelSubscription) -> bool:
        """Return whether live commits are held back for this subscription."""
        return subscription in self._holding

    def release(self, subscription: ChannelSubscription) -> None:
        """Stop holding back commits for a subscription that has caught up. The last one sends them."""
        self._holding.discard(subscription)
        if self._holding or self._held is None:
            return
        held, self._held = self._held, None
        for message in held:
            self.send_if_wanted(message)

    def _hold(self, subscription: ChannelSubscription) -> None:
        """Hold back live commits until the subscription has caught up."""
        self._holding.add(subscription)
        if self._held is None:
            self._held = deque()
            broadcast = self.broadcast
            self._held_after = None if broadcast.recent_commits.floor is None else broadcast.position

    def _resumable(self, message: OutgoingMessage) -> OutgoingMessage:
        """Return a log line or counts with a position that this client can resume from."""
        if self._held is None and self.broadcast.position >= self.broadcast.log_end:
            return message
        return message.at(self.position)

    def _subscriptions_to(self, job_id: str) -> list[ChannelSubscription]:
        channels = (JOBS, Channel("job", job_id))
        return [self.subscriptions[channel] for channel in channels if channel in self.subscriptions]

    def _is_unwanted(self, message: OutgoingMessage) -> bool:
        if message.kind is MessageKind.QUEUE:
            return QUEUE not in self.subscriptions
        if message.kind is MessageKind.PREVIEW:
            return Channel("job", message.job_id) not in self.subscriptions
        return not self._subscriptions_to(message.job_id)
