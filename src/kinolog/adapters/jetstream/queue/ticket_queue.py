"""The queue of tickets as a worker sees it: one pull consumer per model class and lane, tried in a fair order.

A worker requests a ticket that waits now from one lane after the other. Only if no ticket waits does it leave a pull
request at every lane; the first ticket withdraws them all. So a busy worker holds nothing back, and an idle one
receives a ticket as soon as it is issued. Of several idle ones the server prefers a warm one (decision 95).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, JetStreamApiError, log_unavailable
from kinolog.adapters.jetstream.client.pull_inbox import PullInbox, PullInboxClosed, PullLost, pull_status
from kinolog.adapters.jetstream.queue.lane_consumers import LaneConsumers
from kinolog.adapters.jetstream.queue.ticket_issuer import ticket_in
from kinolog.job.values import Priority
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import Coldness, QueueClosed, Ticket, no_coldness
from kinolog.scheduling.lane_choice import LANES, PREFETCH_LANE, LaneChoice

logger = logging.getLogger(__name__)

ACK_WAIT_SECONDS = 30.0
MAX_DELIVERIES = 10
RETRY_SECONDS = 0.25
ANSWER_SECONDS = 3.0
"""How long a request for a ticket that waits now may take."""

_TOKEN_OF_LANE = {p.value: str(p.rank) for p in Priority} | {PREFETCH_LANE: PREFETCH_LANE}
_LANE_OF_TOKEN = {token: lane for lane, token in _TOKEN_OF_LANE.items()}
LANE_TOKENS = tuple(_LANE_OF_TOKEN)
"""Tokens of all lanes in subjects and in names of consumers."""


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

    @property
    def receipt(self) -> str:
        return self._message.reply

    async def extend(self) -> None:
        await self._send(self._message.in_progress, "extended")

    async def acknowledge(self) -> None:
        await self._send(self._message.ack_sync, "acknowledged")

    async def release(self, delay_seconds: float = 0.0) -> None:
        await self._send(lambda: self._message.nak(delay_seconds or None), "released")

    async def _send(self, send: Callable[[], Awaitable[object]], done: str) -> None:
        try:
            await send()
        except (nats.errors.Error, *NO_ANSWER) as error:
            logger.warning("the ticket of job %s is not %s: %s", self._ticket.job_id, done, error)


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
        self._consumers = LaneConsumers(
            client, LANE_TOKENS, ack_wait_seconds=ack_wait_seconds, max_deliveries=max_deliveries
        )
        self._choice = choice or LaneChoice()
        self._inboxes: set[PullInbox] = set()
        self._closed = False

    async def take(
        self,
        model_classes: Sequence[str],
        coldness: Coldness = no_coldness,
        lanes: Collection[str] = LANES,
    ) -> JetStreamHeldTicket:
        if not model_classes or not lanes:
            raise ValueError("a worker serves at least one model class, and waits at one lane or more")
        while not self._closed:
            inbox = PullInbox(self._client, subjects.WORK)
            self._inboxes.add(inbox)
            try:
                await inbox.open()
                held = await self._next_ticket(inbox, model_classes, coldness, lanes)
                if held is not None:
                    return held
            except PullInboxClosed:
                break
            except (PullLost, LogUnavailable, JetStreamApiError, *NO_ANSWER) as error:
                logger.debug("requesting tickets again: %s", error)
                self._consumers.forget()
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                inbox.close(self._inboxes.discard)
        raise QueueClosed

    async def give_back(self, receipt: str) -> None:
        if not receipt.startswith(f"$JS.ACK.{subjects.WORK}."):
            return
        try:
            await self._client.publish(receipt, Msg.Ack.Nak)
            await self._client.flush()
        except NO_ANSWER as error:
            raise log_unavailable("returning a ticket", error) from error

    async def close(self) -> None:
        self._closed = True
        inboxes = list(self._inboxes)
        for inbox in inboxes:
            inbox.close(self._inboxes.discard)
        await asyncio.gather(*(inbox.closed() for inbox in inboxes))

    async def _next_ticket(
        self, inbox: PullInbox, model_classes: Sequence[str], coldness: Coldness, lanes: Collection[str]
    ) -> JetStreamHeldTicket | None:
        """Return a ticket; None if the lanes must be tried again. Raises `PullLost`, `PullInboxClosed`."""
        for model_class in model_classes:
            await self._consumers.create(model_class)
        message = await self._waiting_message(inbox, model_classes, coldness, lanes)
        if message is None:
            message = await self._next_message(inbox, model_classes, coldness, lanes)
        return await self._held_ticket(message) if message is not None else None

    async def _waiting_message(
        self, inbox: PullInbox, model_classes: Sequence[str], coldness: Coldness, lanes: Collection[str]
    ) -> Msg | None:
        """Return a ticket that waits now, from the lane whose turn it is; None if no lane has one."""
        for lane in filter(lanes.__contains__, self._choice.order(time.monotonic())):
            for model_class in model_classes:
                consumer = subjects.work_consumer(model_class, _TOKEN_OF_LANE[lane])
                await inbox.pull_now(consumer, **self._consumers.pull_options(coldness(model_class)))
                message = await inbox.get(ANSWER_SECONDS)
                if message is None:
                    raise PullLost("no answer")
                if not pull_status(message):
                    return message
            self._choice.record_empty(lane, time.monotonic())
        return None

    async def _next_message(
        self, inbox: PullInbox, model_classes: Sequence[str], coldness: Coldness, lanes: Collection[str]
    ) -> Msg | None:
        """Wait for a ticket from any lane; None if a pull request ends without one."""
        for model_class in model_classes:
            options = self._consumers.pull_options(coldness(model_class))
            for lane in lanes:
                consumer = subjects.work_consumer(model_class, _TOKEN_OF_LANE[lane])
                await inbox.pull(consumer, batch=1, **options)
        message = await inbox.next_reply()
        return None if pull_status(message) else message

    async def _held_ticket(self, message: Msg) -> JetStreamHeldTicket | None:
        """Return the delivered ticket; None, after terminating the message, if it is not a ticket."""
        self._choice.record_served(_LANE_OF_TOKEN[message.subject.split(".")[2]], time.monotonic())
        try:
            return JetStreamHeldTicket(ticket_in(message.subject, message.data), message)
        except DecodeError:
            logger.error("the message at %s is not a ticket; it is dropped", message.subject)
            await message.term()
            return None
