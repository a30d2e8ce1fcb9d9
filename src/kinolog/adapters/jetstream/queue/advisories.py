"""Advisories of the ticket queue, from a durable consumer of ADVISORIES."""

from __future__ import annotations

import contextlib
import json
import logging
from collections import deque

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, api_request
from kinolog.adapters.jetstream.client.leader_read import at_leader
from kinolog.adapters.jetstream.client.pull_consumer import PullConsumer
from kinolog.adapters.jetstream.queue.ticket_issuer import ticket_in
from kinolog.ports.advisories import ExhaustedTicket

logger = logging.getLogger(__name__)

ACK_WAIT_SECONDS = 60.0
BATCH = 50
EXHAUSTED = "io.nats.jetstream.advisory.v1.max_deliver"


class JetStreamAdvisoryFeed:
    """ExhaustedTicket tickets for the reader `name`.

    Advisories that a ticket was terminated are passed over: the server sends them for every held ticket that is
    replaced or withdrawn, and one that was removed otherwise is issued again by the reconciler.
    """

    def __init__(self, client: Client, name: str, ack_wait_seconds: float = ACK_WAIT_SECONDS) -> None:
        self._client = client
        self._name = name
        self._ack_wait_seconds = ack_wait_seconds
        self._pull = PullConsumer(client, subjects.ADVISORIES, self._prepare, BATCH)
        self._waiting: deque[Msg] = deque()
        self._taken: dict[int, Msg] = {}

    async def take(self) -> ExhaustedTicket:
        while True:
            while self._waiting:
                exhausted = await self._read(self._waiting[0])
                message = self._waiting.popleft()
                if exhausted is not None:
                    self._taken[exhausted.id] = message
                    return exhausted
                await _acknowledge(message)
            self._waiting.extend(await self._pull.get())

    async def acknowledge(self, exhausted: ExhaustedTicket) -> None:
        message = self._taken.pop(exhausted.id, None)
        if message is not None:
            await _acknowledge(message)

    async def close(self) -> None:
        await self._pull.close()

    async def _read(self, message: Msg) -> ExhaustedTicket | None:
        """What an advisory says; None when it says nothing about a ticket that lies in the queue."""
        try:
            advisory = json.loads(message.data)
            if advisory["type"] != EXHAUSTED:
                return None
            position, deliveries = int(advisory["stream_seq"]), int(advisory["deliveries"])
            stored = await at_leader(self._client, subjects.WORK, position)
            if stored is None:
                return None
            ticket = ticket_in(stored.subject, stored.data)
        except (ValueError, KeyError, TypeError, DecodeError):
            logger.exception("an advisory cannot be read")
            return None
        return ExhaustedTicket(id=message.metadata.sequence.stream, ticket=ticket, deliveries=deliveries)

    async def _prepare(self) -> str:
        config = {
            "name": self._name,
            "durable_name": self._name,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(self._ack_wait_seconds * 1e9),
            "max_deliver": -1,
        }
        await api_request(
            self._client,
            f"$JS.API.CONSUMER.CREATE.{subjects.ADVISORIES}.{self._name}",
            {"stream_name": subjects.ADVISORIES, "config": config},
        )
        return self._name


async def _acknowledge(message: Msg) -> None:
    with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
        await message.ack()
