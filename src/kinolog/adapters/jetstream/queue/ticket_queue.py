"""Handing out tickets: one pull consumer per model class and lane, asked in a fair order.

A worker that wants a ticket asks the lanes one after the other for what waits now. Only when nothing waits does it
leave a standing request with each of them, and withdraws all of them with the first ticket that comes. So a busy
worker holds back nothing, and an idle one is handed a ticket the moment it is issued.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.pull_inbox import PullInbox, PullInboxClosed
from kinolog.adapters.jetstream.queue.ticket_issuer import ticket_in
from kinolog.job.values import Priority
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import QueueClosed, Ticket
from kinolog.scheduling.lane_choice import PREFETCH_LANE, LaneChoice

logger = logging.getLogger(__name__)

ACK_WAIT_SECONDS = 30.0
MAX_DELIVERIES = 10
MAX_HELD = 100_000
"""Tickets of one lane that may be out or put off at once."""
MAX_WAITING = 10_000
"""Workers that may wait at one lane at once."""

RETRY_SECONDS = 0.25
ANSWER_SECONDS = 3.0
STANDING_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0
LOOK_SECONDS = 0.5
"""How often a standing wait looks whether the connection was lost in the meantime."""

NOTHING_WAITS = ("404", "408")

_TOKENS = {priority.value: str(priority.rank) for priority in Priority} | {PREFETCH_LANE: PREFETCH_LANE}
_LANES = {token: lane for lane, token in _TOKENS.items()}


class _LanesGone(Exception):
    """The server lost its consumers, or the requests that stood there."""


class JetStreamHeldTicket:
    """A delivered message of WORK."""

    def __init__(self, ticket: Ticket, message: Msg) -> None:
        self._ticket = ticket
        self._message = message

    @property
    def ticket(self) -> Ticket:
        return self._ticket

    @property
    def deliveries(self) -> int:
        return self._message.metadata.num_delivered

    async def extend(self) -> None:
        await self._say(self._message.in_progress, "kept")

    async def acknowledge(self) -> None:
        await self._say(self._message.ack_sync, "done")

    async def release(self, delay_seconds: float = 0.0) -> None:
        await self._say(lambda: self._message.nak(delay_seconds or None), "given back")

    async def _say(self, tell: Callable[[], Awaitable[object]], what: str) -> None:
        try:
            await tell()
        except (nats.errors.Error, *NO_ANSWER) as error:
            logger.warning("the ticket of job %s could not be %s: %s", self._ticket.job_id, what, error)


class JetStreamTicketQueue:
    """Takes tickets for one worker."""

    def __init__(
        self,
        client: Client,
        *,
        ack_wait_seconds: float = ACK_WAIT_SECONDS,
        max_deliveries: int = MAX_DELIVERIES,
        choice: LaneChoice | None = None,
    ) -> None:
        self._client = client
        self._ack_wait_seconds = ack_wait_seconds
        self._max_deliveries = max_deliveries
        self._choice = choice or LaneChoice()
        self._ready: set[str] = set()
        self._inboxes: set[PullInbox] = set()
        self._closed = False

    async def take(self, model_classes: Sequence[str]) -> JetStreamHeldTicket:
        if not model_classes:
            raise ValueError("a worker serves at least one model class")
        while not self._closed:
            inbox = PullInbox(self._client, subjects.WORK)
            self._inboxes.add(inbox)
            try:
                await inbox.open()
                held = await self._from(inbox, model_classes)
                if held is not None:
                    return held
            except PullInboxClosed:
                break
            except (_LanesGone, LogUnavailable, JetStreamApiError, *NO_ANSWER) as error:
                logger.debug("asking for tickets anew: %s", error)
                self._ready.clear()
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                inbox.finish(self._inboxes.discard)
        raise QueueClosed

    async def close(self) -> None:
        self._closed = True
        inboxes = list(self._inboxes)
        for inbox in inboxes:
            inbox.finish(self._inboxes.discard)
        await asyncio.gather(*(inbox.finished() for inbox in inboxes))

    async def _from(self, inbox: PullInbox, model_classes: Sequence[str]) -> JetStreamHeldTicket | None:
        for model_class in model_classes:
            await self._prepare(model_class)
        message = await self._waiting(inbox, model_classes)
        if message is None:
            message = await self._standing(inbox, model_classes)
        return await self._held(message) if message is not None else None

    async def _waiting(self, inbox: PullInbox, model_classes: Sequence[str]) -> Msg | None:
        """A ticket that waits now, of the lane whose turn it is."""
        for lane in self._choice.order(time.monotonic()):
            for model_class in model_classes:
                await inbox.pull(
                    subjects.work_consumer(model_class, _TOKENS[lane]), {"batch": 1, "no_wait": True}
                )
                message = await inbox.get(ANSWER_SECONDS)
                if message is None:
                    raise _LanesGone("no answer")
                status = _status(message)
                if not status:
                    return message
                if status not in NOTHING_WAITS:
                    raise _LanesGone(status)
            self._choice.found_empty(lane, time.monotonic())
        return None

    async def _standing(self, inbox: PullInbox, model_classes: Sequence[str]) -> Msg | None:
        """Wait for a ticket; None when it is time to ask anew."""
        for model_class in model_classes:
            for token in _LANES:
                await inbox.pull(
                    subjects.work_consumer(model_class, token),
                    {
                        "batch": 1,
                        "expires": int(STANDING_SECONDS * 1e9),
                        "idle_heartbeat": int(HEARTBEAT_SECONDS * 1e9),
                    },
                )
        connections = self._client.stats["reconnects"]
        heard = time.monotonic()
        while not self._closed:
            message = await inbox.get(LOOK_SECONDS)
            if message is None:
                if self._client.stats["reconnects"] != connections or not self._client.is_connected:
                    raise _LanesGone("the connection was lost")
                if time.monotonic() - heard > 2.5 * HEARTBEAT_SECONDS:
                    raise _LanesGone("no heartbeat")
                continue
            heard = time.monotonic()
            status = _status(message)
            if not status:
                return message
            if status in NOTHING_WAITS:
                return None
            if status != "100":
                raise _LanesGone(status)
        return None

    async def _held(self, message: Msg) -> JetStreamHeldTicket | None:
        self._choice.served(_LANES[message.subject.split(".")[2]], time.monotonic())
        try:
            return JetStreamHeldTicket(ticket_in(message.subject, message.data), message)
        except DecodeError:
            logger.error("the message at %s cannot be read as a ticket; it is dropped", message.subject)
            await message.term()
            return None

    async def _prepare(self, model_class: str) -> None:
        """Create the consumers of a model class, unless this was done before."""
        if model_class in self._ready:
            return
        for token in _LANES:
            name, lane_filter = (
                subjects.work_consumer(model_class, token),
                subjects.work_filter(model_class, token),
            )
            config = {
                "name": name,
                "durable_name": name,
                "filter_subject": lane_filter,
                "ack_policy": "explicit",
                "ack_wait": int(self._ack_wait_seconds * 1e9),
                "max_deliver": self._max_deliveries,
                "max_ack_pending": MAX_HELD,
                "max_waiting": MAX_WAITING,
            }
            await api_request(
                self._client,
                f"$JS.API.CONSUMER.CREATE.{subjects.WORK}.{name}.{lane_filter}",
                {"stream_name": subjects.WORK, "config": config},
            )
        self._ready.add(model_class)


def _status(message: Msg) -> str:
    """The status that the server sends instead of a ticket; empty for a ticket."""
    return (message.headers or {}).get("Status", "")
