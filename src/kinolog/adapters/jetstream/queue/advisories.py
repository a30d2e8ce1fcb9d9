"""Tickets that reached their maximum of deliveries, from a durable consumer of ADVISORIES."""

from __future__ import annotations

import json
import logging
from collections import deque

from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.consumers import acknowledge, create_durable_consumer
from kinolog.adapters.jetstream.client.leader_read import at_leader
from kinolog.adapters.jetstream.client.pull_consumer import PullConsumer
from kinolog.adapters.jetstream.queue.ticket_issuer import ticket_in
from kinolog.ports.advisories import ExhaustedTicket

logger = logging.getLogger(__name__)

ACK_WAIT_SECONDS = 60.0
BATCH = 50
MAX_DELIVERIES_REACHED = "io.nats.jetstream.advisory.v1.max_deliver"


class JetStreamAdvisoryFeed:
    """Exhausted tickets for the reader `name`.

    Advisories of terminated tickets are skipped: the server sends one for every held ticket that is replaced or
    withdrawn. The reconciler issues a ticket that was removed otherwise again.
    """

    def __init__(self, client: Client, name: str, ack_wait_seconds: float = ACK_WAIT_SECONDS) -> None:
        self._client = client
        self._name = name
        self._ack_wait_seconds = ack_wait_seconds
        self._pull = PullConsumer(client, subjects.ADVISORIES, self._create_consumer, BATCH)
        self._unread: deque[Msg] = deque()
        self._unacknowledged: dict[int, Msg] = {}

    async def take(self) -> ExhaustedTicket:
        while True:
            while self._unread:
                exhausted = await self._read(self._unread[0])
                message = self._unread.popleft()
                if exhausted is not None:
                    self._unacknowledged[exhausted.id] = message
                    return exhausted
                await acknowledge(message)
            self._unread.extend(await self._pull.get())

    async def acknowledge(self, exhausted: ExhaustedTicket) -> None:
        message = self._unacknowledged.pop(exhausted.id, None)
        if message is not None:
            await acknowledge(message)

    async def close(self) -> None:
        await self._pull.close()

    async def _read(self, message: Msg) -> ExhaustedTicket | None:
        """Return the exhausted ticket of an advisory; None for other advisories and for a ticket that is removed."""
        try:
            advisory = json.loads(message.data)
            if advisory["type"] != MAX_DELIVERIES_REACHED:
                return None
            position, deliveries = int(advisory["stream_seq"]), int(advisory["deliveries"])
            stored = await at_leader(self._client, subjects.WORK, position)
            if stored is None:
                return None
            ticket = ticket_in(stored.subject, stored.data)
        except (ValueError, KeyError, TypeError, DecodeError):
            logger.exception("an advisory is not readable")
            return None
        return ExhaustedTicket(id=message.metadata.sequence.stream, ticket=ticket, deliveries=deliveries)

    async def _create_consumer(self) -> str:
        return await create_durable_consumer(
            self._client,
            subjects.ADVISORIES,
            self._name,
            ack_wait_seconds=self._ack_wait_seconds,
            deliver_policy="all",
            max_deliver=-1,
        )
